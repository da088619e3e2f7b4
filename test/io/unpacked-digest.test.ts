import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSealiftError } from "../../src/errors/index.js";
import { unpackedDigest } from "../../src/io/index.js";
import { digestOf } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";
import { frame, rawBlock, rleBlock, skippableFrame } from "./zstd-file.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const LARGEST_BLOCK = 128 * KIB;

const text = Buffer.from(
  Array.from({ length: 200 }, (_, line) => `line ${line} of a text that says the same again and again\n`).join(""),
);

// That text, by `zstd -19` 1.5.4: Huffman-coded literals, sequences, a checksum.
const zstdOfText = Buffer.from(
  "KLUv/WTCKG0LAFZWNBagKR0Zr9b52ncGVehlklLKlHJTw6kROAAqACoAtVapU7dlS4+nsUgcmiV5t6JxCQgkkCNhQAjIIUAgi0NQSI5FA1kcCVJ" +
    "IjoQhSA7kGCiOcggShkNWoxW7ellVUU25WqxSRyejIqIhU4lU6OZjU0Mz4+lwypxvc5k8tmu6+Pp3KxqXpbxb0bgs5N2KxmUphXc/uzq6OV+P" +
    "V+7+2+v0ud/z5Wc3szKyMQd3KxqX5Xi3Op10Wc67FY3LYrxb0bgsxbsVjctCvFvRuCzDuxWNy2IGgMmoEQB27v8ZwBUK0xoSSCAI/P9/ggB/U9W" +
    "qqhUCWmUsGjEUKNUCWlWlqlqAqlRVqRYQVVWqqgWoSlWVagGpqlKlWoCqVFWpFpCqKlXVAlRlVZUKnXwAgBEDxIAwIAaIAcSAMCAGiAFiQBgQA8" +
    "QAYUAYEAPEADEgDIgBYoAYMAyIAWKAGBAGxMCAdzEAAQABAPSEuwFCOyVVBxhYNQ==",
  "base64",
);

const half = text.length / 2;

/** Layers that all unpack to {@link text}. */
const LAYERS: readonly (readonly [string, Buffer])[] = [
  ["plain", text],
  ["gzip", gzipSync(text)],
  [
    "gzip of several members",
    Buffer.concat([text.subarray(0, half), text.subarray(half)].map((part) => gzipSync(part))),
  ],
  ["gzip with an empty member", Buffer.concat([gzipSync(""), gzipSync(text), gzipSync("")])],
  ["zstd", zstdOfText],
  ["zstd of raw blocks", frame([rawBlock(text.subarray(0, half)), rawBlock(text.subarray(half)), rawBlock("")])],
  ["zstd of a single segment", frame([rawBlock(text)], { singleSegment: { contentSize: text.length, bytes: 2 } })],
  [
    "zstd of several frames",
    Buffer.concat([frame([rawBlock(text.subarray(0, half))]), frame([rawBlock(text.subarray(half))])]),
  ],
  ["zstd with frames to skip", Buffer.concat([skippableFrame("first"), zstdOfText, skippableFrame("last", 15)])],
  ["zstd with an empty frame", Buffer.concat([frame([rawBlock("")]), zstdOfText])],
];

/** A layer that comes in chunks of `size` bytes. */
function inChunks(layer: Uint8Array, size = 64 * KIB): Readable {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < layer.length; at += size) chunks.push(layer.subarray(at, at + size));
  return Readable.from(chunks, { objectMode: false });
}

describe("the digest of a layer unpacked", () => {
  describe.each(LAYERS)("%s", (_name, layer) => {
    test.each([1, 3, 100, 64 * KIB])("is that of what it holds, in chunks of %i bytes", async (size) => {
      expect(await unpackedDigest(inChunks(layer, size), "sha256", text.length)).toBe(digestOf(text));
    });

    test("needs exactly the room for what it holds", async () => {
      const stream = inChunks(layer, 100);
      const error = await failureOf(() => unpackedDigest(stream, "sha256", text.length - 1));
      expect(error.code).toBe("MANIFEST_INVALID");
      expect(error.message).toContain(`at most ${text.length - 1} bytes unpacked, got more`);
      expect(stream.destroyed).toBe(true);
    });
  });

  test("is that of all blocks of one byte, and of two zstd files in one", async () => {
    const layer = frame([rleBlock(0x61, LARGEST_BLOCK), rleBlock(0x62, 1), rawBlock("c")]);
    const unpacked = Buffer.concat([Buffer.alloc(LARGEST_BLOCK, "a"), Buffer.from("bc")]);
    expect(await unpackedDigest(inChunks(layer), "sha256", MIB)).toBe(digestOf(unpacked));
    const twice = Buffer.concat([zstdOfText, zstdOfText]);
    expect(await unpackedDigest(inChunks(twice, 50), "sha256", MIB)).toBe(digestOf(Buffer.concat([text, text])));
  });

  test.each([
    ["nothing", ""],
    ["one byte", "00"],
    ["half of gzip's first bytes", "1f"],
    ["a part of zstd's first bytes", "28b52f"],
    ["almost zstd's first bytes", "28b52ffc00"],
    ["bzip2, which no registry serves", "425a683931415926"],
  ])("of %s is that of the bytes as they are", async (_name, hex) => {
    const layer = Buffer.from(hex, "hex");
    expect(await unpackedDigest(inChunks(layer, 1), "sha256", 100)).toBe(digestOf(layer));
  });

  test("of anything is one digest, or refused, whatever the chunks", async () => {
    const start = fc
      .constantFrom("", "1f8b", "1f8b0800", "28b52ffd", "28b52ffd0038", "502a4d18")
      .map((hex) => Buffer.from(hex, "hex"));
    const content = fc.tuple(start, fc.uint8Array({ maxLength: 100 })).map((parts) => Buffer.concat(parts));
    const outcome = (layer: Buffer, size: number): Promise<string> =>
      unpackedDigest(inChunks(layer, size), "sha256", MIB).catch((error: unknown) => {
        expect(isSealiftError(error, "MANIFEST_INVALID")).toBe(true);
        return "refused";
      });
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 1, max: 9 }), async (layer, size) => {
        expect(await outcome(layer, size)).toBe(await outcome(layer, 1000));
      }),
      { numRuns: 300 },
    );
  });
});

describe("a layer that cannot be unpacked", () => {
  const member = gzipSync(text);
  const damaged = Buffer.concat([member.subarray(0, -8), Buffer.alloc(4), member.subarray(-4)]);

  test.each([
    ["gzip with a wrong checksum", damaged],
    ["gzip followed by text", Buffer.concat([member, Buffer.from("text")])],
    ["gzip followed by zeros", Buffer.concat([member, Buffer.alloc(1000)])],
    ["gzip followed by zeros that hide a member", Buffer.concat([member, Buffer.alloc(512), member])],
    ["gzip's first bytes alone", Buffer.from([0x1f, 0x8b])],
    ["zstd followed by text", Buffer.concat([zstdOfText, Buffer.from("text")])],
    ["zstd followed by zeros", Buffer.concat([zstdOfText, Buffer.alloc(1000)])],
    ["zstd's first bytes alone", zstdOfText.subarray(0, 4)],
    ["zstd with a reserved kind of block", frame([Buffer.from([0b110, 0, 0])])],
    ["zstd with a window of 3.75 TiB", frame([rawBlock("x")], { windowDescriptor: 0xff })],
    ["zstd with a window of 256 MiB", frame([rawBlock("x")], { windowDescriptor: 18 << 3 })],
    [
      "zstd that states 1 TiB in one segment",
      frame([rawBlock("x")], { singleSegment: { contentSize: 2 ** 40, bytes: 8 } }),
    ],
  ])("is refused, whatever the chunks: %s", async (_name, layer) => {
    for (const size of [1, 10, MIB]) {
      const stream = inChunks(layer, size);
      const error = await failureOf(() => unpackedDigest(stream, "sha256", MIB));
      expect(error.code).toBe("MANIFEST_INVALID");
      expect(error.message).toMatch(/^expected (a layer|a zstd window|zstd in whole frames)/);
      expect(stream.destroyed).toBe(true);
    }
  });

  test.each([
    ["gzip", gzipSync("a few bytes")],
    ["zstd", zstdOfText],
  ])("is refused wherever it was cut: %s", async (_name, layer) => {
    for (let length = 4; length < layer.length; length += 1) {
      expect((await failureOf(() => unpackedDigest(inChunks(layer.subarray(0, length)), "sha256", MIB))).code).toBe(
        "MANIFEST_INVALID",
      );
    }
  });

  test("because it is a bomb is left as soon as too much has come out", async () => {
    const zeros = gzipSync(Buffer.alloc(32 * MIB));
    // 4 bytes for each 128 KiB: 3 GiB of zeros.
    const blocks = frame(Array.from({ length: 24_000 }, () => rleBlock(0, LARGEST_BLOCK)));
    for (const bomb of [zeros, blocks, Buffer.concat([frame([rawBlock("harmless")]), blocks])]) {
      const stream = inChunks(bomb);
      expect((await failureOf(() => unpackedDigest(stream, "sha256", MIB))).message).toContain("got more");
      expect(stream.destroyed).toBe(true);
    }
  });
});

describe("a layer that cannot be read", () => {
  test.each([
    ["plain", text],
    ["gzip", gzipSync(text)],
    ["zstd", zstdOfText],
    ["nothing yet", Buffer.alloc(0)],
    ["one byte", Buffer.from([0x1f])],
  ])("fails with its own error, not as if its content were wrong: %s", async (_name, layer) => {
    const broken = new DOMException("the user pressed Ctrl-C", "AbortError");
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield layer.subarray(0, -1);
      throw broken;
    }
    const reading = unpackedDigest(Readable.from(chunks(), { objectMode: false }), "sha256", MIB);
    await expect(reading).rejects.toBe(broken);
  });
});
