import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { pourBody, readBody } from "../../src/registry/body.js";
import type { Answer } from "../../src/registry/http.js";

function answerWith(body: Readable): Answer {
  return {
    status: 200,
    url: new URL("http://localhost/"),
    body,
    patience: 60_000,
    header: () => undefined,
    failure: (cause) => new Error(`the connection was lost: ${(cause as Error).message}`),
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

describe("pourBody", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** A body that brings some bytes every so many seconds, for so many seconds. */
  function line(bytes: number, every: number, seconds: number): Readable {
    const body = new Readable({ read: () => undefined });
    let left = Math.floor(seconds / every);
    const timer = setInterval(() => {
      left -= 1;
      if (!body.destroyed) body.push(Buffer.alloc(bytes));
      if (left > 0 && !body.destroyed) return;
      clearInterval(timer);
      if (!body.destroyed) body.push(null);
    }, every * 1000);
    return body;
  }

  async function pour(body: Readable, take: (chunk: Uint8Array) => Promise<void> = async () => undefined) {
    let taken = 0;
    const poured = pourBody(answerWith(body), async (chunk) => {
      await take(chunk);
      taken += chunk.length;
    }).then(
      () => "whole",
      (error: unknown) => (error as Error).message,
    );
    await vi.runAllTimersAsync();
    return { outcome: await poured, taken };
  }

  test.each([
    ["a satellite's line of 20 kB/s", 20_000, 1],
    ["a sixteenth of it", 1250, 1],
    ["bursts half a minute apart", 40_000, 30],
  ])("bears %s for an hour", async (_what, bytes, every) => {
    const { outcome, taken } = await pour(line(bytes, every, 3600));
    expect({ outcome, taken }).toEqual({ outcome: "whole", taken: bytes * Math.floor(3600 / every) });
  });

  test.each([
    ["a byte a minute", 1, 60],
    ["half a kB a second", 500, 1],
  ])("ends %s after a minute", async (_what, bytes, every) => {
    const { outcome, taken } = await pour(line(bytes, every, 3600));
    expect(outcome).toBe("the connection was lost: less than 60 kB came within 60 s");
    expect(taken).toBeLessThanOrEqual(60 * 500);
  });

  test("ends a line that was fast and is lost", async () => {
    const body = new Readable({ read: () => undefined });
    body.push(Buffer.alloc(10_000_000));
    expect(await pour(body)).toMatchObject({
      outcome: expect.stringContaining("within 60 s") as string,
      taken: 10_000_000,
    });
  });

  test("does not take a slow medium for a slow line", async () => {
    const body = line(1000, 1, 3600);
    const slow = async () => await new Promise<void>((resolve) => setTimeout(resolve, 600_000));
    let takes = 0;
    const taking = async () => {
      takes += 1;
      if (takes < 5) await slow();
    };
    expect(await pour(body, taking)).toEqual({ outcome: "whole", taken: 3_600_000 });
  });

  test("fails only once nothing is being taken any more, and takes nothing that came after", async () => {
    const body = new Readable({ read: () => undefined });
    body.push(Buffer.from("first"));
    const taken: string[] = [];
    const { outcome } = await pour(body, async (chunk) => {
      body.push(Buffer.from("second"));
      body.destroy(new Error("reset"));
      await new Promise((resolve) => setTimeout(resolve, 30_000));
      taken.push(Buffer.from(chunk).toString());
    });
    expect({ outcome, taken }).toEqual({ outcome: "the connection was lost: reset", taken: ["first"] });
  });

  test("fails with what the taker fails with, though the line breaks as well", async () => {
    const body = new Readable({ read: () => undefined });
    body.push(Buffer.from("first"));
    const { outcome } = await pour(body, async () => {
      body.destroy(new Error("reset"));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      throw new Error("no room");
    });
    expect(outcome).toBe("no room");
  });
});
