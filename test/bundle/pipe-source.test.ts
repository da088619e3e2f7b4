import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PipeSource } from "../../src/bundle/index.js";
import { failureOf } from "../support/errors.js";

function sourceOf(chunks: readonly string[]): PipeSource {
  return new PipeSource(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), "standard input");
}

describe("what comes through a pipe", () => {
  test("is the same whatever the chunks, and whatever is asked for", async () => {
    const request = fc.record({ how: fc.constantFrom("read", "peek", "stream"), length: fc.nat(40) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 20 })), fc.array(request), async (chunks, requests) => {
        const all = Buffer.concat(chunks);
        await using source = new PipeSource(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), "standard input");
        for (const { how, length } of requests) {
          const { position } = source;
          const expected = all.subarray(position, position + length);
          if (how === "peek") expect(Buffer.from(await source.peek(length))).toEqual(expected);
          else if (expected.length < length) break;
          else if (how === "read") expect(Buffer.from(await source.read(length))).toEqual(expected);
          else expect(await buffer(source.stream(length))).toEqual(expected);
          expect(source.position).toBe(how === "peek" ? position : position + length);
        }
        const left = all.length - source.position;
        await source.read(left);
        await source.expectEnd();
      }),
    );
  });

  test("keeps no more memory alive than was asked for", async () => {
    // More than half of Node's pool of small buffers (64 KiB from Node 24 on), which is shared on purpose.
    const length = 100_000;
    await using source = new PipeSource(Readable.from([Buffer.alloc(1024 * 1024)]), "standard input");
    expect((await source.read(length)).buffer.byteLength).toBe(length);
  });

  test("is read only as far as somebody asks", async () => {
    let given = 0;
    const endless = (function* () {
      for (;;) {
        given += 1;
        yield Buffer.alloc(1000);
      }
    })();
    await using source = new PipeSource(Readable.from(endless, { objectMode: false }), "standard input");
    await source.read(1000);
    expect(given).toBeLessThan(200);
  });
});

describe("an end", () => {
  test.each(["read", "stream"] as const)("that comes too early fails what is asked for with %s", async (how) => {
    await using source = sourceOf(["0123", "45"]);
    const failure = await failureOf(async () => {
      if (how === "read") await source.read(7);
      else await buffer(source.stream(7));
    });
    expect(failure).toMatchObject({ code: "BUNDLE_INVALID", exitCode: 3 });
    expect(failure.message).toMatch(/^expected 1 bytes more of the bundle at byte 6 of standard input, got its end/);
    expect(failure.hint).toMatch(/cut off/);
  });

  test("is told from more", async () => {
    await using source = sourceOf(["0123", "45"]);
    await source.read(4);
    const failure = await failureOf(() => source.expectEnd());
    expect(failure).toMatchObject({ code: "BUNDLE_INVALID" });
    expect(failure.message).toMatch(/to end after 4 bytes, where the bundle does, got more/);
    await source.read(2);
    await source.expectEnd();
    expect(Buffer.from(await source.peek(5))).toHaveLength(0);
  });

  test("without a word is one, too", async () => {
    const stream = new PassThrough();
    await using source = new PipeSource(stream, "standard input");
    stream.write("0123");
    expect(await source.read(2)).toEqual(Buffer.from("01"));
    const reading = failureOf(() => source.read(10));
    stream.destroy();
    expect(await reading).toMatchObject({ code: "BUNDLE_INVALID" });
  });
});

describe("a pipe that", () => {
  test.each([
    [Object.assign(new Error("i/o error"), { code: "EIO", syscall: "read" }), "MEDIUM_FAILED"],
    [Object.assign(new Error("what?"), { code: "EWHAT", syscall: "read" }), "MEDIUM_FAILED"],
  ])("fails says so: %s", async (error, code) => {
    const stream = new PassThrough();
    await using source = new PipeSource(stream, "standard input");
    stream.destroy(error);
    expect(await failureOf(() => source.read(1))).toMatchObject({ code });
  });

  test("fails while nobody reads is no unhandled error", async () => {
    const stream = new PassThrough();
    await using _source = new PipeSource(stream, "standard input");
    stream.destroy(new Error("nobody heard"));
    await new Promise((resolve) => setImmediate(resolve));
  });

  test("stands still is left when the user wants to stop", async () => {
    const stop = new AbortController();
    const stream = new PassThrough();
    await using source = new PipeSource(stream, "standard input", { signal: stop.signal });
    stream.write("0");
    const reading = source.read(2);
    stop.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    await expect(source.peek(1)).rejects.toThrow("enough");
  });

  test("is read as a stream is not read in another way before that has ended", async () => {
    await using source = sourceOf(["0123456789"]);
    const stream = source.stream(5);
    await expect(source.read(1)).rejects.toThrow(/as a stream/);
    await buffer(stream);
    expect(Buffer.from(await source.read(1)).toString()).toBe("5");
  });

  test("is done with is closed", async () => {
    const stream = new PassThrough();
    {
      await using _source = new PipeSource(stream, "standard input");
    }
    expect(stream.destroyed).toBe(true);
  });
});
