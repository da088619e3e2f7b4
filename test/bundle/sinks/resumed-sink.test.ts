import type { FileHandle } from "node:fs/promises";
import { link, lstat, open, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FileSink } from "../../../src/bundle/index.js";
import { PartialFile } from "../../../src/bundle/sinks/partial-file.js";
import { stampOfReplaced } from "../../../src/bundle/sinks/stamp.js";
import { type Digest, digestOf } from "../../../src/oci/index.js";
import type { JournaledBlob } from "../../../src/ports/index.js";
import { failureOf } from "../../support/errors.js";
import { TempFolder } from "../../support/temp-folder.js";

const [ONE, TWO, THREE] = ["one", "two", "three"].map((text) => digestOf(Buffer.from(text))) as [
  Digest,
  Digest,
  Digest,
];
// Enough to be worth keeping.
const SIZE = 100_000;
const BYTES = Buffer.alloc(SIZE, "x");

let folder: TempFolder;
let path: string;

beforeEach(async () => {
  folder = await TempFolder.create();
  path = folder.file("bundle.tar");
});

afterEach(async () => {
  vi.restoreAllMocks();
  await folder[Symbol.asyncDispose]();
});

const names = (): Promise<string[]> => readdir(folder.path);
const PARTIAL = ["bundle.tar.partial", "bundle.tar.partial.journal"];
const ASIDE = ["bundle.tar.partial.old", "bundle.tar.partial.old.journal"];

async function createSink(): Promise<FileSink> {
  return await FileSink.create(path, await stampOfReplaced(path));
}

function blobOf(index: Digest, length = SIZE): JournaledBlob {
  return { digest: digestOf(Buffer.from(`blob of ${index}`)), position: 0, size: SIZE, length };
}

/** A run that ends early, after it has written so much. */
async function interrupted(index: Digest, length = SIZE): Promise<FileSink> {
  const sink = await createSink();
  await sink.begin(index);
  await sink.allocate(SIZE);
  await sink.write(0, BYTES.subarray(0, length));
  sink.note(blobOf(index, length));
  await sink[Symbol.asyncDispose]();
  return sink;
}

describe("a file sink whose run ends early", () => {
  test("keeps what it was noted to have, and says where", async () => {
    const sink = await interrupted(ONE);
    expect(sink.kept).toBe(`${path}.partial`);
    expect(await names()).toEqual(PARTIAL);
  });

  test.each([
    ["hardly anything was written", 1000],
    ["nothing was written", 0],
  ])("keeps nothing if %s", async (_what, length) => {
    const sink = await interrupted(ONE, length);
    expect(sink.kept).toBeUndefined();
    expect(await names()).toEqual([]);
  });

  test("keeps nothing of a blob that was found to be wrong", async () => {
    const sink = await createSink();
    await sink.begin(ONE);
    sink.note(blobOf(ONE));
    sink.note(blobOf(ONE, 0));
    await sink[Symbol.asyncDispose]();
    expect(await names()).toEqual([]);
  });

  test.each(["ENOSPC", "EFBIG"])("keeps nothing that does not fit (%s)", async (code) => {
    const sink = await createSink();
    await sink.begin(ONE);
    await sink.write(0, BYTES);
    sink.note(blobOf(ONE));
    const handle = await open(folder.path);
    const handles = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    vi.spyOn(handles, "write").mockRejectedValueOnce(Object.assign(new Error(code), { code, syscall: "write" }));
    await failureOf(() => sink.write(0, BYTES));
    vi.restoreAllMocks();
    expect(sink.kept).toBeUndefined();
    await sink[Symbol.asyncDispose]();
    expect(await names()).toEqual([]);
  });

  test("leaves what an earlier run left if it ends before anything is begun", async () => {
    await interrupted(ONE);
    await (await createSink())[Symbol.asyncDispose]();
    expect(await names()).toEqual(PARTIAL);
  });
});

describe("a file sink after an interrupted run", () => {
  test("of the same bundle has its bytes, goes on with them, and leaves only the bundle", async () => {
    await interrupted(ONE, 90_000);
    await using sink = await createSink();
    const [left] = sink.leftovers;
    expect(left).toMatchObject({ indexDigest: ONE, source: { size: SIZE } });
    expect([...(left?.blobs.values() ?? [])]).toEqual([blobOf(ONE, 90_000)]);
    expect(await sink.begin(ONE)).toBe(left);
    await sink.allocate(SIZE);
    expect(Buffer.from(await sink.read(0, 90_000))).toEqual(BYTES.subarray(0, 90_000));
    await sink.write(90_000, BYTES.subarray(90_000));
    await sink.commit();
    expect(await names()).toEqual(["bundle.tar"]);
    expect(await readFile(path)).toEqual(BYTES);
  });

  test("keeps what that has left when it ends early itself, having added nothing", async () => {
    await interrupted(ONE);
    const sink = await createSink();
    await sink.begin(ONE);
    await sink[Symbol.asyncDispose]();
    expect(sink.kept).toBeDefined();
    await using next = await createSink();
    expect(next.leftovers[0]?.blobs.size).toBe(1);
  });

  test("adds its notes to those that are there", async () => {
    await interrupted(ONE);
    const sink = await createSink();
    await sink.begin(ONE);
    sink.note({ ...blobOf(TWO), position: 4096 });
    await sink[Symbol.asyncDispose]();
    await using next = await createSink();
    expect(next.leftovers[0]?.blobs.size).toBe(2);
  });

  test("of another bundle reads what that has left, and removes it in the end", async () => {
    await interrupted(ONE);
    await using sink = await createSink();
    expect(await sink.begin(TWO)).toBeUndefined();
    expect(await names()).toEqual(["bundle.tar.partial", "bundle.tar.partial.journal", ...ASIDE]);
    const [left] = sink.leftovers;
    expect(left?.indexDigest).toBe(ONE);
    expect(Buffer.from((await left?.source.read(0, SIZE)) ?? [])).toEqual(BYTES);
    await sink.allocate(5);
    await sink.write(0, Buffer.from("other"));
    await sink.commit();
    expect(await names()).toEqual(["bundle.tar"]);
    expect(await readFile(path, "utf8")).toBe("other");
  });

  test("of another bundle keeps that and its own when it ends early, too", async () => {
    await interrupted(ONE, 80_000);
    await interrupted(TWO, 90_000);
    expect(await names()).toEqual([...PARTIAL, ...ASIDE].sort());
    const sink = await createSink();
    expect(sink.leftovers.map(({ indexDigest }) => indexDigest)).toEqual([TWO, ONE]);
    await sink[Symbol.asyncDispose]();
  });

  test.each([
    [80_000, 90_000, TWO],
    [90_000, 80_000, ONE],
  ])("of a third bundle keeps the one that has more (%i or %i bytes)", async (one, two, kept) => {
    await interrupted(ONE, one);
    await interrupted(TWO, two);
    await using sink = await createSink();
    await sink.begin(THREE);
    expect(sink.leftovers.map(({ indexDigest }) => indexDigest)).toEqual([kept]);
  });

  test("of the bundle that was set aside begins anew, and does not take what is there for its own", async () => {
    await interrupted(ONE, 90_000);
    await interrupted(TWO, 80_000);
    await using sink = await createSink();
    expect(await sink.begin(ONE)).toBeUndefined();
    expect(sink.leftovers.map(({ indexDigest }) => indexDigest)).toEqual([ONE]);
    expect((await failureOf(() => sink.read(0, 10))).code).toBe("BUNDLE_INVALID");
  });

  test("that lacks room keeps what was left if it would not suffice without, either", async () => {
    await interrupted(ONE);
    await using sink = await createSink();
    await sink.begin(TWO);
    expect((await failureOf(() => sink.allocate(Number.MAX_SAFE_INTEGER))).code).toBe("NO_SPACE");
    expect(sink.leftovers).toHaveLength(1);
  });

  test("that lacks room gives up what was left if it suffices without", async () => {
    await interrupted(ONE);
    await using sink = await createSink();
    await sink.begin(TWO);
    // Of the new file, and then of the old one, whose room counts as well.
    vi.spyOn(PartialFile.prototype, "room")
      .mockResolvedValueOnce(SIZE - 1)
      .mockResolvedValueOnce(SIZE);
    await sink.allocate(SIZE);
    expect(sink.leftovers).toEqual([]);
    expect(await names()).toEqual(PARTIAL);
  });

  test("has room for what it has written already", async () => {
    await interrupted(ONE);
    await using sink = await createSink();
    await sink.begin(ONE);
    await sink.allocate(SIZE);
  });
});

describe("what lies where a file sink writes is not gone on with", () => {
  test("if it has no journal", async () => {
    await writeFile(`${path}.partial`, BYTES);
    await using sink = await createSink();
    expect(sink.leftovers).toEqual([]);
    await sink.begin(ONE);
    await sink.write(0, Buffer.from("new"));
    await sink.commit();
    expect(await readFile(path, "utf8")).toBe("new");
  });

  test.each([
    ["a link", symlink],
    ["a second name", link],
  ])("if it is %s of somebody's file", async (_what, make) => {
    await interrupted(ONE);
    const journal = await readFile(`${path}.partial.journal`);
    const other = folder.file("precious");
    await writeFile(other, BYTES);
    const clean = await createSink();
    await clean.begin(ONE);
    await clean.commit();
    await make(other, `${path}.partial`);
    await writeFile(`${path}.partial.journal`, journal);
    await using sink = await createSink();
    expect(sink.leftovers).toEqual([]);
    await sink.begin(ONE);
    await sink.write(0, Buffer.from("new"));
    expect(await readFile(other)).toEqual(BYTES);
    expect((await lstat(`${path}.partial`)).isSymbolicLink()).toBe(false);
  });
});
