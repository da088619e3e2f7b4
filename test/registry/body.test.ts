import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { readBody } from "../../src/registry/body.js";
import type { Answer } from "../../src/registry/http.js";

function answerWith(body: Readable): Answer {
  return {
    status: 200,
    url: new URL("http://localhost/"),
    body,
    header: () => undefined,
    failure: () => new Error("the connection was lost"),
    discard: () => undefined,
  };
}

async function* endless(): AsyncGenerator<Buffer> {
  for (;;) yield Buffer.from("more");
}

describe("readBody", () => {
  test.each<[string, number, string, boolean]>([
    ["ab", 3, "ab", true],
    ["abc", 3, "abc", true],
    ["abcd", 3, "abc", false],
    ["", 0, "", true],
  ])("of %j takes at most %i bytes", async (text, limit, expected, isWhole) => {
    const { bytes, ...rest } = await readBody(answerWith(Readable.from([Buffer.from(text)])), limit);
    expect({ text: bytes.toString(), ...rest }).toEqual({ text: expected, isWhole });
  });

  test("ends though the body does not, and destroys it", async () => {
    const body = Readable.from(endless());
    expect(await readBody(answerWith(body), 1000)).toMatchObject({ isWhole: false });
    expect(body.destroyed).toBe(true);
  });

  test("fails as the answer says when the body breaks off", async () => {
    const body = Readable.from(endless());
    queueMicrotask(() => body.destroy(new Error("reset")));
    await expect(readBody(answerWith(body), Number.POSITIVE_INFINITY)).rejects.toThrow("the connection was lost");
  });
});
