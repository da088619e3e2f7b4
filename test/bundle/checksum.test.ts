import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import xxhash from "xxhash-wasm";
import { FileSource } from "../../src/bundle/file-source.js";
import { HashPool } from "../../src/bundle/hash-pool.js";
import { MediumFile } from "../../src/bundle/medium-file.js";
import { openRandomMedium } from "../../src/bundle/open-medium.js";
import { failureOf } from "../support/errors.js";
import { cutInto, likeBundle, setOf, writeFiles } from "../support/media.js";
import { TempFolder } from "../support/temp-folder.js";

const bytes = likeBundle(1_500_000);

let folder: TempFolder;
let path: string;
let xxh64: (input: Uint8Array) => bigint;

beforeAll(async () => {
  folder = await TempFolder.create();
  path = folder.file("data");
  await writeFile(path, bytes);
  const { h64Raw } = await xxhash();
  xxh64 = (input) => h64Raw(input);
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

describe("the checksum of a range", () => {
  test.each([
    [0, bytes.length],
    [7, 300_001],
    [1, 100],
    [bytes.length, 0],
  ])("is its XXH64: from %i, %i bytes", async (position, length) => {
    await using source = await FileSource.open(path);
    let told = 0;
    const sum = await source.checksum(position, length, { onBytes: (count) => void (told += count) });
    expect(sum).toBe(xxh64(bytes.subarray(position, position + length)));
    expect(told).toBe(length);
  });

  test("is the same in parts", async () => {
    await writeFiles(folder.file("parts"), await setOf("data", cutInto(bytes, 400_000)));
    const { source } = await openRandomMedium([folder.file("parts")]);
    await using _source = source;
    expect(await source.checksum(100_000, 1_000_000)).toBe(xxh64(bytes.subarray(100_000, 1_100_000)));
  });

  test("fails where the file ends before", async () => {
    await using source = await FileSource.open(path);
    expect((await failureOf(() => source.checksum(bytes.length - 10, 500_000))).code).toBe("BUNDLE_INVALID");
    expect((await failureOf(() => source.checksum(bytes.length - 10, 11))).code).toBe("BUNDLE_INVALID");
  });

  test.each([1, 2])("does not depend on the number of processors: %i", async (processors) => {
    await using file = await MediumFile.open(path);
    await using pool = new HashPool(processors);
    const ranges = [{ fd: file.fd, position: 0, length: bytes.length }];
    const { hex } = await pool.hash({ ranges, algorithm: "xxh64" });
    expect(BigInt(`0x${hex}`)).toBe(xxh64(bytes));
  });
});
