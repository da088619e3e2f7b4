import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, open, symlink, truncate, writeFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileSource } from "../../src/bundle/index.js";
import { failureOf } from "../support/errors.js";
import { TempFolder } from "../support/temp-folder.js";

const KIB = 1024;
const MIB = 1024 * KIB;

// Above it, ranges are hashed on threads; and a thread tells of its progress each 16 MiB.
const INLINE = 256 * KIB;
const bytes = randomBytes(18 * MIB + 7);

describe("a file source", () => {
  let folder: TempFolder;
  let path: string;
  let source: FileSource;
  beforeAll(async () => {
    folder = await TempFolder.create();
    path = folder.file("bundle.tar");
    await writeFile(path, bytes);
    source = await FileSource.open(path);
  });
  afterAll(async () => {
    await source[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const anyRange = fc
    .tuple(fc.nat(bytes.length), fc.oneof(fc.nat(2 * MIB), fc.integer({ min: INLINE - 1, max: INLINE + 1 })))
    .map(([position, length]) => ({ position, length: Math.min(length, bytes.length - position) }));

  test("knows its size", () => {
    expect(source.size).toBe(bytes.length);
  });

  test("reads any range, at once and as a stream", async () => {
    await fc.assert(
      fc.asyncProperty(anyRange, async ({ position, length }) => {
        const expected = bytes.subarray(position, position + length);
        expect(expected.equals(await source.read(position, length))).toBe(true);
        expect(expected.equals(await buffer(source.stream(position, length)))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("gives the digest of any range that node:crypto gives, and counts its bytes", async () => {
    await fc.assert(
      fc.asyncProperty(anyRange, fc.constantFrom("sha256", "sha512"), async ({ position, length }, algorithm) => {
        let counted = 0;
        const digest = await source.digest(position, length, algorithm, {
          onBytes: (count) => (counted += count),
        });
        const hex = createHash(algorithm)
          .update(bytes.subarray(position, position + length))
          .digest("hex");
        expect(digest).toBe(`${algorithm}:${hex}`);
        expect(counted).toBe(length);
      }),
      { numRuns: 40 },
    );
  });

  test("hashes many ranges at once, more than there are threads", async () => {
    const starts = Array.from({ length: 40 }, (_, at) => at * 400 * KIB);
    const digests = await Promise.all(starts.map((start) => source.digest(start, 300 * KIB, "sha256")));
    const expected = starts.map((start) =>
      createHash("sha256")
        .update(bytes.subarray(start, start + 300 * KIB))
        .digest("hex"),
    );
    expect(digests).toEqual(expected.map((hex) => `sha256:${hex}`));
  });

  test("hashes a large range with progress on the way", async () => {
    const steps: number[] = [];
    const digest = await source.digest(0, bytes.length, "sha256", { onBytes: (count) => steps.push(count) });
    expect(digest).toBe(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
    expect(steps).toEqual([16 * MIB, 2 * MIB + 7]);
  });

  test("reads none of it where nothing is asked for", async () => {
    expect(await source.read(bytes.length, 0)).toHaveLength(0);
    expect(await buffer(source.stream(bytes.length, 0))).toHaveLength(0);
    const empty = createHash("sha256").digest("hex");
    expect(await source.digest(bytes.length, 0, "sha256")).toBe(`sha256:${empty}`);
  });

  test.each([
    ["one byte beyond its end", bytes.length, 1],
    ["across its end", bytes.length - 10, 11],
    ["on threads across its end", bytes.length - 10, INLINE + 1],
    ["on threads beyond its end", bytes.length + MIB, INLINE + 1],
    ["far beyond anything", 2 ** 52, 2 ** 40],
  ])("that is too short says so: %s", async (_name, position, length) => {
    const attempts = [
      () => source.read(position, length),
      () => buffer(source.stream(position, length)),
      () => source.digest(position, length, "sha256"),
    ];
    for (const attempt of attempts) {
      const error = await failureOf(attempt);
      expect(error.code).toBe("BUNDLE_INVALID");
      expect(error.message).toMatch(/^expected ".*bundle\.tar" to have at least \d+ bytes, got \d+$/);
      expect(error.hint).toContain("copy it again");
    }
  });

  test("that is cut while it is open says so", async () => {
    const cut = folder.file("cut.tar");
    await writeFile(cut, bytes.subarray(0, MIB));
    await using opened = await FileSource.open(cut);
    await truncate(cut, 1000);
    for (const length of [2000, INLINE + 1]) {
      expect((await failureOf(() => opened.read(0, length))).message).toMatch(/got 1000$/);
      expect((await failureOf(() => opened.digest(0, length, "sha256"))).message).toMatch(/got 1000$/);
    }
    expect((await failureOf(() => buffer(opened.stream(0, MIB)))).code).toBe("BUNDLE_INVALID");
  });

  test("is left by a stream that is destroyed half way", async () => {
    await using opened = await FileSource.open(path);
    const stream = opened.stream(0, bytes.length);
    await once(stream, "readable");
    stream.destroy();
    await once(stream, "close");
    expect(stream.destroyed).toBe(true);
    expect(await opened.read(0, 5)).toHaveLength(5);
  });

  test("is disposed of at once while it hashes, and what waits for a digest hears of it", async () => {
    const large = folder.file("large");
    const handle = await open(large, "w");
    // All of it a hole: 16 GiB to hash, and no room taken.
    await handle.truncate(16 * 1024 * MIB);
    await handle.close();
    const opened = await FileSource.open(large);
    let start = (): void => undefined;
    const started = new Promise<void>((resolve) => (start = resolve));
    const digests = Array.from({ length: 12 }, () => opened.digest(0, opened.size, "sha256", { onBytes: start }));
    const settled = Promise.allSettled(digests);
    await started;

    await opened[Symbol.asyncDispose]();
    expect((await settled).map(({ status }) => status)).toEqual(digests.map(() => "rejected"));
    await expect(opened.digest(0, MIB, "sha256")).rejects.toThrow("closed");
    await opened[Symbol.asyncDispose]();
  });
});

describe("what is no file to read", () => {
  let folder: TempFolder;
  beforeAll(async () => {
    folder = await TempFolder.create();
    await mkdir(folder.file("folder"));
    execFileSync("mkfifo", [folder.file("pipe")]);
    await symlink("nowhere", folder.file("dangling"));
    await writeFile(folder.file("file"), "x");
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  test.each([
    ["folder", "CONFIG_INVALID", "got a folder"],
    ["pipe", "CONFIG_INVALID", "got a pipe"],
    ["../../dev/null", "CONFIG_INVALID", "got a device or socket"],
    ["none", "FILE_NOT_FOUND", "ENOENT"],
    ["dangling", "FILE_NOT_FOUND", "ENOENT"],
    ["file/below", "FILE_NOT_FOUND", "ENOTDIR"],
  ])("is refused, and does not hang: %s", async (name, code, came) => {
    const path = name.includes("dev") ? "/dev/null" : folder.file(name);
    const error = await failureOf(() => FileSource.open(path));
    expect(error.code).toBe(code);
    expect(error.message).toContain(came);
  });
});
