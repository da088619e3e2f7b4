import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { extract } from "tar-stream";
import { describe, expect, test } from "vitest";
import {
  type BundleEntry,
  blobPath,
  chunkSumsSize,
  describeHeader,
  filesOf,
  HEADER_BLOCK_SIZE,
  headerOf,
  placeFile,
  planLayout,
  positionAfter,
  statedSize,
} from "../../../src/bundle/format/index.js";
import { digestOf } from "../../../src/oci/index.js";
import { assemble } from "./assemble.js";
import { FILES, INDEX } from "./sample.js";

const BLOCK = 512;
const PREAMBLE = ["sealift/bundle.json", "sealift/bundle.json.sig", "sealift/bundle.json.sigstore.json"];
const CHUNK_SUMS = "sealift/chunks.xxh64";

const preamble = { index: Buffer.from("{}\n"), signature: Buffer.alloc(71, 1), sigstoreBundle: Buffer.alloc(513, 2) };

const entry: fc.Arbitrary<BundleEntry> = fc
  .record({
    digest: fc
      .tuple(fc.uint8Array(), fc.constantFrom("sha256", "sha512"))
      .map(([bytes, algorithm]) => digestOf(bytes, algorithm)),
    // Up to a terabyte, and often close to a block's end.
    size: fc
      .oneof(
        fc.nat(2 ** 31 - 1).map((size) => size * 512 - (size % 3)),
        fc.nat(1100),
      )
      .filter((size) => size >= 0),
  })
  .map(({ digest, size }) => ({ path: blobPath(digest), digest, size }));

describe("the layout", () => {
  test("has every file at the next block after the one before, with no room between", () => {
    const sizes = fc.record({ index: fc.nat(2 ** 26), signature: fc.nat(600), sigstoreBundle: fc.nat(3000) });
    fc.assert(
      fc.property(sizes, fc.array(entry, { maxLength: 20 }), (given, entries) => {
        const layout = planLayout(given, entries);
        const files = filesOf(layout);
        let end = 0;
        for (const file of files) {
          // The zeros up to here are less than a block, and the header fills what is before the bytes.
          expect(file.headerPosition % BLOCK).toBe(0);
          expect(file.headerPosition - end).toBeGreaterThanOrEqual(0);
          expect(file.headerPosition - end).toBeLessThan(BLOCK);
          expect(file.position).toBe(file.headerPosition + headerOf(file).length);
          end = file.position + file.size;
        }
        expect(layout.endPosition % BLOCK).toBe(0);
        expect(layout.endPosition - end).toBeGreaterThanOrEqual(0);
        expect(layout.endPosition - end).toBeLessThan(BLOCK);
        expect(layout.size).toBe(layout.endPosition + 2 * BLOCK);
      }),
    );
  });

  test("has the signed index and its signatures first, then the entries in their order, then the sums", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
        const layout = planLayout({ index: 1, signature: 2, sigstoreBundle: 3 }, entries);
        expect(filesOf(layout).map(({ path }) => path)).toEqual([
          ...PREAMBLE,
          ...entries.map(({ path }) => path),
          CHUNK_SUMS,
        ]);
        expect(filesOf(layout).map(({ size }) => size)).toEqual([
          1,
          2,
          3,
          ...entries.map(({ size }) => size),
          chunkSumsSize(entries),
        ]);
        expect(layout.entries.map((placed) => placed.entry)).toEqual(entries);
      }),
    );
  });

  test("of a small bundle is this one", () => {
    const layout = planLayout({ index: 512, signature: 70, sigstoreBundle: 513 }, INDEX.entries);
    expect(filesOf(layout).map(({ headerPosition }) => headerPosition)).toEqual([
      0, 1024, 2048, 3584, 4608, 5632, 6656, 7680, 8704, 9728, 11_776,
    ]);
    // The last entry's name takes a record: its header is of three blocks.
    expect(layout.entries.at(-1)?.position).toBe(9728 + 3 * BLOCK);
    expect(layout).toMatchObject({ endPosition: 12_800, size: 13_824 });
  });

  test("of a file and of the next is what the plan is made of", () => {
    const file = placeFile("sealift/bundle.json", 513, 1024);
    expect(file).toEqual({ path: "sealift/bundle.json", size: 513, headerPosition: 1024, position: 1536 });
    expect(positionAfter(file)).toBe(1536 + 1024);
  });
});

describe("a bundle put together by its layout", () => {
  test("is a tar that tar-stream reads, file by file", async () => {
    const { tar, layout } = await assemble(preamble, INDEX.entries, Object.values(FILES));
    const archive = extract();
    Readable.from([tar]).pipe(archive);
    const found: [string, Buffer][] = [];
    for await (const file of archive) {
      expect(file.header).toMatchObject({ type: "file", mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) });
      found.push([file.header.name, await buffer(file)]);
    }
    const { position, size } = layout.chunkSums;
    const names = [...PREAMBLE, ...INDEX.entries.map(({ path }) => path), CHUNK_SUMS];
    const contents = [...Object.values(preamble), ...Object.values(FILES), tar.subarray(position, position + size)];
    expect(found).toEqual(names.map((name, at) => [name, contents[at]]));
  });

  test("ends with two blocks of zeros, and nothing after them", async () => {
    const { tar, layout } = await assemble(preamble, INDEX.entries, Object.values(FILES));
    expect(tar).toHaveLength(layout.size);
    expect(tar.subarray(layout.endPosition)).toEqual(Buffer.alloc(1024));
    expect(tar.length % BLOCK).toBe(0);
  });
});

describe("a header that was read", () => {
  const path = "sealift/bundle.json";
  const header = headerOf(placeFile(path, 1234, 0));

  test("states a size, if it is the one the bundle has for that path", () => {
    expect(header).toHaveLength(HEADER_BLOCK_SIZE);
    expect(statedSize(header, path)).toBe(1234);
    expect(statedSize(header, "sealift/bundle.json.sig")).toBeUndefined();
  });

  test("with any one byte changed states none", () => {
    for (let at = 0; at < header.length; at += 1) {
      const damaged = Uint8Array.from(header);
      damaged[at] = (damaged[at] ?? 0) ^ 0x20;
      expect(statedSize(damaged, path)).toBeUndefined();
    }
  });

  test.each([
    ["a header", header, 'the header of "sealift/bundle.json" (1234 bytes)'],
    [
      "a header of a hostile name",
      headerOf({ ...placeFile("x", 1, 0), path: '"$(reboot)"' }),
      'the header of "\\"$(reboot)\\"" (1 bytes)',
    ],
    ["nothing", Buffer.alloc(0), "nothing"],
    ["zeros", Buffer.alloc(HEADER_BLOCK_SIZE), "zeros"],
    ["text", Buffer.alloc(HEADER_BLOCK_SIZE, "text"), "bytes that are no tar header"],
  ])("is described in a message: %s", (_name, block, words) => {
    expect(describeHeader(block)).toBe(words);
  });
});
