import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineWriter, writeText } from "../../../src/cli/render/lines.js";
import { escapeControls } from "../../../src/errors/index.js";
import { FakeOutput } from "../fake-host.js";

describe("escapeControls", () => {
  test.each([
    ["clear screen", "a\u001b[2Jb", "a\\u001b[2Jb"],
    ["a forged line", "a\r\nb", "a\\u000d\\u000ab"],
    ["C1, which some terminals obey in UTF-8, too", "\u009b31m", "\\u009b31m"],
    ["trojan source", "\u202eabc\u2066", "\\u202eabc\\u2066"],
    ["delete", "\u007f", "\\u007f"],
    ["what is harmless", "Grüße, 世界 ✓", "Grüße, 世界 ✓"],
  ])("%s", (_name, text, shown) => {
    expect(escapeControls(text)).toBe(shown);
  });

  test("no text keeps a control character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(escapeControls(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });
});

describe("LineWriter", () => {
  test("ends each line once, whatever is in it", async () => {
    const output = new FakeOutput();
    await new LineWriter(output, {}).write(["one\n", { label: "warning:", colour: "yellow", text: "two\u001b" }]);
    expect(output.text).toBe("one\\u000a\nwarning: two\\u001b\n");
  });

  test("colours labels only", () => {
    const output = new FakeOutput();
    output.isTTY = true;
    const line = new LineWriter(output, {}).format({ label: "warning:", colour: "yellow", text: "\u001b[31m" });
    expect(line).toBe("\u001b[33mwarning:\u001b[0m \\u001b[31m");
  });
});

describe("writeText", () => {
  test.each([
    ["EPIPE", undefined],
    ["ENOSPC", "NO_SPACE"],
    ["EIO", "MEDIUM_FAILED"],
  ])("%s becomes %s", async (errno, code) => {
    const output = new FakeOutput();
    output.on("error", () => undefined);
    output.failure = Object.assign(new Error(errno), { code: errno });
    const ended = writeText(output, "x");
    if (code === undefined) await ended;
    else await expect(ended).rejects.toMatchObject({ code });
    // The stream is destroyed by now.
    await writeText(output, "y");
  });
});
