import { EventEmitter, once } from "node:events";
import { PassThrough, Readable, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { verifiedStream } from "../../src/io/index.js";
import { type Descriptor, digestOf } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";

const bytes = Buffer.from("the bytes of a blob, in a few chunks");

function describeBlob(content: Uint8Array, change: Partial<Descriptor> = {}): Descriptor {
  return { mediaType: "application/octet-stream", digest: digestOf(content), size: content.length, ...change };
}

/** A source that gives `content` in chunks of `size` bytes. */
function inChunks(content: Uint8Array, size: number): Readable {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += size) chunks.push(content.subarray(at, at + size));
  return Readable.from(chunks, { objectMode: false });
}

/** All that a reader gets before the stream ends or fails. */
async function readAll(stream: Readable): Promise<{ got: Buffer; error: unknown }> {
  const chunks: Buffer[] = [];
  const reader = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const error = await pipeline(stream, reader).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { got: Buffer.concat(chunks), error };
}

describe("the right bytes", () => {
  test("pass, whatever the chunks and the algorithm", async () => {
    const sizes = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 100 }));
    await fc.assert(
      fc.asyncProperty(sizes, fc.constantFrom("sha256", "sha512"), async ([content, chunk], algorithm) => {
        const descriptor = describeBlob(content, { digest: digestOf(content, algorithm) });
        let counted = 0;
        const stream = verifiedStream(inChunks(content, chunk), descriptor, "reg", (count) => (counted += count));
        expect(await buffer(stream)).toEqual(Buffer.from(content));
        expect(counted).toBe(content.length);
      }),
    );
  });

  test("may be none", async () => {
    expect(await readAll(verifiedStream(Readable.from([]), describeBlob(Buffer.alloc(0)), "reg"))).toEqual({
      got: Buffer.alloc(0),
      error: undefined,
    });
  });
});

describe("the wrong bytes", () => {
  const longer = Buffer.concat([bytes, Buffer.from("!")]);
  const other = Buffer.concat([bytes.subarray(0, -1), Buffer.from("X")]);

  test.each([
    ["other bytes", other, "DIGEST_MISMATCH", `got bytes with digest ${digestOf(other)}`],
    ["one byte too few", bytes.subarray(0, -1), "SIZE_MISMATCH", `got ${bytes.length - 1}`],
    ["one byte too many", longer, "SIZE_MISMATCH", `got at least ${longer.length}`],
    ["none", Buffer.alloc(0), "SIZE_MISMATCH", "got 0"],
  ])("fail the stream: %s", async (_name, content, code, came) => {
    const stream = verifiedStream(inChunks(content, 5), describeBlob(bytes), "reg.internal");
    const error = await failureOf(() => buffer(stream));
    expect(error.code).toBe(code);
    expect(error.message).toContain(`blob ${digestOf(bytes)} from reg.internal`);
    expect(error.message).toContain(came);
    expect(error.hint).toMatch(/\w/);
  });

  test("where there should be none fail the stream", async () => {
    const { got, error } = await readAll(verifiedStream(inChunks(bytes, 5), describeBlob(Buffer.alloc(0)), "reg"));
    expect(error).toMatchObject({ code: "SIZE_MISMATCH" });
    expect(got).toHaveLength(0);
  });

  test("of SHA-512 fail the stream", async () => {
    const descriptor = describeBlob(bytes, { digest: digestOf(bytes, "sha512") });
    expect((await readAll(verifiedStream(inChunks(other, 5), descriptor, "reg"))).error).toMatchObject({
      code: "DIGEST_MISMATCH",
    });
  });

  test("are never all handed on: an upload of known length stays incomplete", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.constantFrom(other, longer), async (chunk, content) => {
        const { got, error } = await readAll(verifiedStream(inChunks(content, chunk), describeBlob(bytes), "reg"));
        expect(error).toBeDefined();
        expect(got.length).toBeLessThan(bytes.length);
        expect(content.subarray(0, got.length)).toEqual(got);
      }),
    );
  });

  test("in an endless stream are refused as soon as they are too many", async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield bytes;
    }
    const source = Readable.from(endless(), { objectMode: false });
    expect((await readAll(verifiedStream(source, describeBlob(bytes), "reg"))).error).toMatchObject({
      code: "SIZE_MISMATCH",
    });
    expect(source.destroyed).toBe(true);
  });
});

describe("the last chunk", () => {
  test("is withheld until the end has come and all is known to be right", async () => {
    const source = new PassThrough();
    const stream = verifiedStream(source, describeBlob(bytes), "reg");
    const got = new EventEmitter();
    const chunks: string[] = [];
    stream.on("data", (chunk: Buffer) => {
      chunks.push(String(chunk));
      got.emit(String(chunk));
    });

    const firstCame = once(got, String(bytes.subarray(0, 10)));
    source.write(bytes.subarray(0, 10));
    source.write(bytes.subarray(10));
    await firstCame;
    // All bytes are there, and the digest is right, but more could still come.
    await new Promise((done) => setImmediate(done));
    expect(chunks).toEqual([String(bytes.subarray(0, 10))]);

    source.end();
    await once(stream, "end");
    expect(chunks.join("")).toBe(String(bytes));
  });
});

describe("either end", () => {
  test("that fails, fails the other: the source", async () => {
    const broken = new Error("connection reset");
    async function* source(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 10);
      throw broken;
    }
    const { error } = await readAll(
      verifiedStream(Readable.from(source(), { objectMode: false }), describeBlob(bytes), "reg"),
    );
    expect(error).toBe(broken);
  });

  test("that fails, fails the other: the reader", async () => {
    const source = new PassThrough();
    const stream = verifiedStream(source, describeBlob(bytes), "reg");
    const closed = new Promise((done) => source.once("close", done));
    stream.on("error", () => undefined);
    stream.destroy(new Error("the disk is full"));
    await closed;
    expect(source.destroyed).toBe(true);
  });

  test("that is destroyed, frees the other: the reader", async () => {
    const source = new PassThrough();
    const stream = verifiedStream(source, describeBlob(bytes), "reg");
    const closed = new Promise((done) => source.once("close", done));
    stream.destroy();
    await closed;
    expect(source.destroyed).toBe(true);
  });

  test("that is destroyed, fails the other: the source", async () => {
    const source = new PassThrough();
    const stream = verifiedStream(source, describeBlob(bytes), "reg");
    source.write(bytes);
    const reading = readAll(stream);
    source.destroy();
    expect((await reading).error).toBeInstanceOf(Error);
  });
});
