import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import xxhash from "xxhash-wasm";
import {
  CHUNK_SIZE,
  ChunkSummer,
  chunkCount,
  chunkSumsSize,
  isChunkSumsFile,
} from "../../../src/bundle/format/index.js";

let xxh64: (bytes: Uint8Array) => bigint;

beforeAll(async () => {
  const { h64Raw } = await xxhash();
  xxh64 = (bytes) => h64Raw(bytes);
});

/** The file as docs/format.md describes it, made the plain way. */
function expectedFile(entries: readonly Uint8Array[]): Buffer {
  const sums = entries.flatMap((entry) =>
    Array.from({ length: chunkCount(entry.length) }, (_, at) =>
      xxh64(entry.subarray(at * CHUNK_SIZE, (at + 1) * CHUNK_SIZE)),
    ),
  );
  const bytes = Buffer.alloc(8 * sums.length + 8);
  for (const [at, sum] of sums.entries()) bytes.writeBigUInt64BE(sum, 8 * at);
  bytes.writeBigUInt64BE(xxh64(bytes.subarray(0, -8)), 8 * sums.length);
  return bytes;
}

/** Bytes that differ from chunk to chunk and from entry to entry. */
function content(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size, seed);
  for (let at = 0; at < size; at += 64 * 1024) bytes.writeUInt8((seed + at / (64 * 1024)) % 256, at);
  return bytes;
}

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

const size = fc.oneof(
  fc.nat(10),
  fc.constantFrom(CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE, 2 * CHUNK_SIZE + 7),
);

describe("the sums of a bundle's chunks", () => {
  test("are those of the format, whatever the pieces, and the order of the entries", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ size, piece: fc.integer({ min: 500_000, max: 5_000_000 }) }), { maxLength: 4 }),
        async (plan) => {
          const entries = plan.map((entry, at) => ({ bytes: content(entry.size, at), piece: entry.piece }));
          const summer = await ChunkSummer.create(entries.map(({ bytes }) => ({ size: bytes.length })));
          const longest = Math.max(0, ...entries.map(({ bytes }) => bytes.length));
          for (let round = 0; round * 500_000 <= longest; round += 1) {
            for (const [at, { bytes, piece }] of [...entries.entries()].reverse()) {
              summer.update(
                at,
                Math.min(round * piece, bytes.length),
                bytes.subarray(round * piece, (round + 1) * piece),
              );
            }
          }
          expect(Buffer.compare(summer.finish(), expectedFile(entries.map(({ bytes }) => bytes)))).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("of some known bytes are these", async () => {
    const summer = await ChunkSummer.create([{ size: 0 }, { size: 3 }]);
    summer.update(1, 0, Buffer.from("abc"));
    // XXH64 of nothing and of "abc", as xxhsum prints them.
    expect(Buffer.from(summer.finish().subarray(0, 16)).toString("hex")).toBe("ef46db3751d8e99944bc2cf5ad770999");
  });

  test("are right when an entry begins again, or goes on from a chunk's start", async () => {
    const bytes = content(2 * CHUNK_SIZE + 9, 5);
    const summer = await ChunkSummer.create([{ size: bytes.length }]);
    summer.update(0, 0, content(CHUNK_SIZE + 100, 77));
    summer.update(0, 0, bytes.subarray(0, CHUNK_SIZE + 5));
    summer.update(0, CHUNK_SIZE, bytes.subarray(CHUNK_SIZE));
    summer.update(0, 0, bytes);
    expect(Buffer.from(summer.finish())).toEqual(expectedFile([bytes]));
  });

  test("are not made of what has gaps, is too long, or is not whole", async () => {
    const summer = await ChunkSummer.create([{ size: CHUNK_SIZE + 10 }]);
    expect(() => summer.update(0, 1, Buffer.alloc(1))).toThrow(/byte 1 came/);
    summer.update(0, 0, Buffer.alloc(5));
    expect(() => summer.update(0, 6, Buffer.alloc(1))).toThrow(/at byte 5, and byte 6 came/);
    expect(() => summer.update(0, 5, Buffer.alloc(CHUNK_SIZE + 6))).toThrow(/more came/);
    expect(() => summer.finish()).toThrow(/not come as a whole/);
  });

  test("take as many bytes as the sizes of the entries say", () => {
    expect(chunkSumsSize([])).toBe(8);
    expect(chunkSumsSize([{ size: 0 }, { size: 1 }, { size: CHUNK_SIZE }, { size: CHUNK_SIZE + 1 }])).toBe(8 * 6);
    expect(chunkSumsSize([{ size: 2 ** 40 }])).toBe(2 * 2 ** 20 + 8);
  });
});

describe("a file of sums that is read", () => {
  test("is known to be as it was written, in pieces of any length", async () => {
    const file = expectedFile([content(CHUNK_SIZE + 1, 1), content(3, 2)]);
    for (const length of [1, 7, 8, 9, file.length]) {
      expect(await isChunkSumsFile(inPieces(file, length), file.length)).toBe(true);
    }
  });

  test("with any one byte changed, or of another length, is not", async () => {
    const file = expectedFile([content(3, 1), content(4, 2)]);
    for (let at = 0; at < file.length; at += 1) {
      const changed = Buffer.from(file);
      changed.writeUInt8((file[at] ?? 0) ^ 1, at);
      expect(await isChunkSumsFile(inPieces(changed, 5), changed.length)).toBe(false);
    }
    expect(await isChunkSumsFile(inPieces(file.subarray(0, -1), 5), file.length)).toBe(false);
    expect(await isChunkSumsFile(inPieces(Buffer.concat([file, Buffer.alloc(1)]), 5), file.length)).toBe(false);
  });
});
