import { link, lstat, mkdir, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Journal, type JournalContent } from "../../../src/bundle/sinks/journal.js";
import { digestOf, digestSchema } from "../../../src/oci/index.js";
import { TempFolder } from "../../support/temp-folder.js";

const INDEX = digestOf(Buffer.from("index"));
const [A, B] = [digestOf(Buffer.from("a")), digestOf(Buffer.from("b"))];

let folder: TempFolder;
let path: string;

beforeEach(async () => {
  folder = await TempFolder.create();
  path = folder.file("bundle.tar.partial.journal");
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

async function written(): Promise<void> {
  const journal = await Journal.begin(path, INDEX);
  journal?.note({ digest: A, position: 512, size: 100, length: 50 });
  journal?.note({ digest: B, position: 1024, size: 10, length: 10 });
  journal?.note({ digest: A, position: 512, size: 100, length: 100 });
  await journal?.close();
}

async function found(): Promise<JournalContent | undefined> {
  const result = await Journal.find(path);
  await result?.journal.close();
  return result?.content;
}

const blobA = { digest: A, position: 512, size: 100, length: 100 };
const blobB = { digest: B, position: 1024, size: 10, length: 10 };

describe("a journal", () => {
  test("says of each blob what was noted last", async () => {
    await written();
    const content = await found();
    expect(content?.indexDigest).toBe(INDEX);
    expect([...(content?.blobs.values() ?? [])]).toEqual([blobA, blobB]);
  });

  test("forgets a blob of which nothing is of use", async () => {
    const journal = await Journal.begin(path, INDEX);
    journal?.note(blobA);
    journal?.note({ ...blobA, length: 0 });
    await journal?.close();
    expect((await found())?.blobs.size).toBe(0);
  });

  test("is gone on with where its last line was torn", async () => {
    await written();
    await truncate(path, (await lstat(path)).size - 20);
    const again = await Journal.find(path);
    expect(again?.content.blobs.get(A)?.length).toBe(50);
    again?.journal.note(blobA);
    await again?.journal.close();
    expect((await found())?.blobs.get(A)).toEqual(blobA);
  });

  test("has its lines passed over that are none, or cannot be true", async () => {
    await written();
    const lines = ["rubbish", "{}", "null", "[]", JSON.stringify({ ...blobB, length: 11 }), "\0\0\0", ""];
    lines.push(JSON.stringify({ ...blobB, digest: "sha256:../../etc/passwd" }));
    lines.push(JSON.stringify({ ...blobB, position: -1 }), JSON.stringify({ ...blobB, size: 1e300, length: 1e300 }));
    await writeFile(path, (await readFile(path, "utf8")) + lines.join("\n"));
    expect([...((await found())?.blobs.values() ?? [])]).toEqual([blobA, blobB]);
  });

  test.each([
    ["nothing", ""],
    ["rubbish", "rubbish\n"],
    ["the first line of another format", '{"journal":2,"index":"x"}\n'],
    ["a first line that was torn", '{"journal":1,"ind'],
    ["lines without a first one", `${JSON.stringify(blobA)}\n`],
  ])("is none if it has %s", async (_what, text) => {
    await writeFile(path, text);
    expect(await found()).toBeUndefined();
  });

  test.each([
    ["of empty lines", "\n"],
    ["of empty objects", "{}\n"],
    ["of notes that cannot be true", `${JSON.stringify({ ...blobB, length: 11 })}\n`],
    ["of other documents", '{"repositories":[]}\n'],
  ])("hostile: a good first line and a flood %s are none, once a thousand of them were seen", async (_what, line) => {
    await written();
    const good = await readFile(path, "utf8");
    await writeFile(path, good + line.repeat(1000));
    expect((await found())?.blobs.size).toBe(2);
    const parse = vi.spyOn(JSON, "parse");
    await writeFile(path, good + line.repeat(100_000));
    expect(await found()).toBeUndefined();
    expect(parse.mock.calls.length).toBeLessThanOrEqual(1005);
    parse.mockRestore();
  });

  test.each([
    ["brackets", "["],
    ["a note with more and more members", '{"digest":[],"x":{},'],
  ])("hostile: a line of millions of %s is passed over unread", async (_what, text) => {
    await written();
    await writeFile(path, `${await readFile(path, "utf8")}${text.repeat(1_000_000)}\n${JSON.stringify(blobB)}\n`);
    const parse = vi.spyOn(JSON, "parse");
    expect([...((await found())?.blobs.values() ?? [])]).toEqual([blobA, blobB]);
    expect(Math.max(...parse.mock.calls.map(([line]) => line.length))).toBeLessThanOrEqual(400);
    parse.mockRestore();
  });

  test("hostile: a first line of megabytes is none, unread", async () => {
    const parse = vi.spyOn(JSON, "parse");
    await writeFile(path, `{"journal":1,"index":"${INDEX}"${" ".repeat(1_000_000)}}\n`);
    expect(await found()).toBeUndefined();
    expect(Math.max(...parse.mock.calls.map(([line]) => line.length))).toBeLessThanOrEqual(400);
    parse.mockRestore();
  });

  test("has its longest lines read", async () => {
    const journal = await Journal.begin(path, INDEX);
    const digest = digestSchema.parse(`sha512:${"f".repeat(128)}`);
    const [position, size] = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
    journal?.note({ digest, position, size, length: size });
    await journal?.close();
    expect((await found())?.blobs.get(digest)).toEqual({ digest, position, size, length: size });
  });

  test("is none if there is none, or something that is no file of its own", async () => {
    expect(await found()).toBeUndefined();
    await mkdir(path);
    expect(await found()).toBeUndefined();
  });

  test("is neither read nor written through a link", async () => {
    await written();
    const other = folder.file("other");
    await writeFile(other, await readFile(path));
    await (await Journal.find(path))?.journal.remove();
    await symlink(other, path);
    expect(await found()).toBeUndefined();
    const journal = await Journal.begin(path, INDEX);
    journal?.note(blobA);
    await journal?.close();
    expect((await lstat(path)).isSymbolicLink()).toBe(false);
    expect(await readFile(other, "utf8")).toContain(B);
  });

  test("that has a second name is not written to through this one", async () => {
    await written();
    await link(path, folder.file("other"));
    expect(await found()).toBeUndefined();
  });

  test("costs nothing but itself if it cannot be written", async () => {
    expect(await Journal.begin(folder.file("none/journal"), INDEX)).toBeUndefined();
    const journal = await Journal.begin(path, INDEX);
    await journal?.close();
    journal?.note(blobA);
    await journal?.sync();
    await journal?.remove();
    expect((await found())?.blobs.size).toBe(0);
  });

  test("is removed, but not if another one has taken its place", async () => {
    const first = await Journal.begin(path, INDEX);
    const second = await Journal.begin(path, INDEX);
    await first?.remove();
    expect(await readdir(folder.path)).toHaveLength(1);
    await second?.remove();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("of any bytes never says what it should not, and never fails", async () => {
    await written();
    const good = await readFile(path);
    const edits = fc.array(fc.tuple(fc.nat(good.length - 1), fc.uint8Array({ maxLength: 20 })), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(edits, fc.nat(good.length), async (changes, cut) => {
        const bytes = Buffer.from(good);
        for (const [at, change] of changes) bytes.set(change.subarray(0, bytes.length - at), at);
        await writeFile(path, bytes.subarray(0, cut));
        for (const { position, size, length } of (await found())?.blobs.values() ?? []) {
          expect(position).toBeGreaterThanOrEqual(0);
          expect(length).toBeGreaterThan(0);
          expect(length).toBeLessThanOrEqual(size);
        }
      }),
      { numRuns: 200 },
    );
  });
});
