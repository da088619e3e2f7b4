import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { shellWord } from "../../../src/cli/render/shell-word.js";

test.each([
  ["bundle.tar", "bundle.tar"],
  ["my bundle.tar", "'my bundle.tar'"],
  ["it's", "'it'\\''s'"],
  ["", "''"],
])("%j is %s", (text, word) => {
  expect(shellWord(text)).toBe(word);
});

test("a shell reads what was meant", () => {
  const text = fc.string().filter((candidate) => !candidate.includes("\0"));
  fc.assert(
    fc.property(text, (meant) => {
      expect(execFileSync("sh", ["-c", `printf %s ${shellWord(meant)}`], { encoding: "utf8" })).toBe(meant);
    }),
    { numRuns: 20 },
  );
});
