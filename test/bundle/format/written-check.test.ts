import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type BundleEntry, type BundleLayout, blobPath, WrittenCheck } from "../../../src/bundle/format/index.js";
import { digestOf } from "../../../src/oci/index.js";
import { assemble } from "./assemble.js";

const CHUNK = 4 * 1024 * 1024;

const PREAMBLE = {
  index: Buffer.from("an index"),
  signature: Buffer.from("a signature"),
  sigstoreBundle: Buffer.from("{}"),
};

let tar: Buffer;
let layout: BundleLayout;
let known: ReadonlyMap<string, Uint8Array>;

beforeAll(async () => {
  const contents = [Buffer.from("oci"), Buffer.alloc(0), Buffer.from("a layer"), Buffer.alloc(2 * CHUNK + 100, 7)];
  const entries: BundleEntry[] = contents.map((bytes) => {
    const digest = digestOf(bytes);
    return { path: blobPath(digest), digest, size: bytes.length };
  });
  ({ tar, layout } = await assemble(PREAMBLE, entries, contents));
  const { position, size, path } = layout.chunkSums;
  known = new Map([
    [layout.index.path, PREAMBLE.index],
    [layout.signature.path, PREAMBLE.signature],
    [layout.sigstoreBundle.path, PREAMBLE.sigstoreBundle],
    [path, tar.subarray(position, position + size)],
  ]);
});

async function check(bytes: Uint8Array, sizes: readonly number[] = [1 << 20]) {
  const checking = await WrittenCheck.create(layout, known);
  for (let done = 0, at = 0; done < bytes.length; at += 1) {
    const piece = bytes.subarray(done, done + sizes[at % sizes.length]!);
    checking.take(piece);
    done += piece.length;
  }
  return checking.finish();
}

const damaged = (position: number, xor = 1): Buffer => {
  const copy = Buffer.from(tar);
  copy[position]! ^= xor;
  return copy;
};

describe("what was written", () => {
  test("is found as it was to be, however it comes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 3e6 }), { minLength: 1, maxLength: 5 }), async (sizes) => {
        fc.pre(sizes.some((size) => size > 4096));
        expect(await check(tar, sizes)).toEqual({ ranges: [], count: 0, bytes: 0 });
      }),
      { numRuns: 20 },
    );
  });

  test("is damaged wherever one bit is another one: in headers, padding, layers, sums and the end", async () => {
    const ends = [layout.chunkSums.headerPosition - 1, tar.length - 1, layout.entries.at(-1)!.position];
    const positions = fc.oneof(fc.nat(tar.length - 1), fc.nat(4096), fc.constantFrom(...ends));
    await fc.assert(
      fc.asyncProperty(positions, async (position) => {
        const { ranges, count } = await check(damaged(position));
        expect(count).toBe(1);
        expect(ranges[0]!.position).toBeLessThanOrEqual(position);
        expect(ranges[0]!.position + ranges[0]!.length).toBeGreaterThan(position);
        expect(ranges[0]!.length).toBeLessThanOrEqual(CHUNK);
      }),
      { numRuns: 60 },
    );
  });

  test("names the chunk of the file that is damaged, and no more", async () => {
    const { position, path } = layout.entries.at(-1)!;
    expect(await check(damaged(position + CHUNK + 5))).toEqual({
      ranges: [{ position: position + CHUNK, length: CHUNK, path }],
      count: 1,
      bytes: CHUNK,
    });
  });

  test("of which neighbours are damaged has one range", async () => {
    const { position, path } = layout.entries.at(-1)!;
    const copy = damaged(position);
    copy[position + CHUNK]! ^= 1;
    expect((await check(copy)).ranges).toEqual([{ position, length: 2 * CHUNK, path }]);
  });

  test("that the medium does not give is damaged, and what follows is not", async () => {
    const { position, path, size } = layout.entries.at(-1)!;
    const checking = await WrittenCheck.create(layout, known);
    checking.take(tar.subarray(0, position + 10));
    checking.lose(20);
    checking.take(tar.subarray(position + 30));
    expect(checking.finish()).toEqual({ ranges: [{ position, length: CHUNK, path }], count: 1, bytes: CHUNK });
    expect(size).toBeGreaterThan(CHUNK);
  });

  test("that ends early is damaged from there on, in the layer and in all that follows", async () => {
    const { position } = layout.entries.at(-1)!;
    const { ranges, bytes } = await check(tar.subarray(0, position + CHUNK + 1));
    expect(ranges[0]).toMatchObject({ position: position + CHUNK, length: CHUNK + 100 });
    expect(bytes).toBe(tar.length - position - CHUNK);
  });

  test("that is longer than the layout is a fault of whoever reads it", async () => {
    await expect(check(Buffer.concat([tar, Buffer.alloc(1)]))).rejects.toThrow("more bytes came");
  });

  test("that is damaged all over is not listed without an end", async () => {
    const many = Array.from({ length: 1200 }, (_, at) => Buffer.from(`entry ${at}`));
    const entries = many.map((bytes) => ({
      path: blobPath(digestOf(bytes)),
      digest: digestOf(bytes),
      size: bytes.length,
    }));
    const { tar: bad, layout: place } = await assemble(PREAMBLE, entries, many);
    const good = Buffer.from(bad);
    for (const { position } of place.entries) bad[position]! ^= 1;
    const { chunkSums } = place;
    const checking = await WrittenCheck.create(
      place,
      new Map([...known, [chunkSums.path, good.subarray(chunkSums.position, chunkSums.position + chunkSums.size)]]),
    );
    checking.take(bad);
    const { ranges, count } = checking.finish();
    expect(ranges).toHaveLength(1000);
    expect(count).toBe(1200);
  });
});
