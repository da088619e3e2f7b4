import { execFileSync } from "node:child_process";
import { open, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { headOf, unpackedBytes } from "../../../src/bundle/media/found-file.js";
import { zipEntries } from "../../../src/bundle/media/zip-entries.js";
import { failureOf } from "../../support/errors.js";
import { TempFolder } from "../../support/temp-folder.js";
import { makeZip, type ZipFile, type ZipShape } from "../../support/zip.js";

let folder: TempFolder;
beforeAll(async () => {
  folder = await TempFolder.create();
});
afterAll(() => folder[Symbol.asyncDispose]());

const text = Buffer.from("some text that packs well ".repeat(2000));
const note = Buffer.from("a note");

let written = 0;
async function zipFile(bytes: Uint8Array): Promise<string> {
  const path = folder.file(`${(written += 1)}.zip`);
  await writeFile(path, bytes);
  return path;
}

async function contentsOf(path: string): Promise<[string, Buffer][]> {
  const contents: [string, Buffer][] = [];
  for (const file of await zipEntries(path)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of unpackedBytes(file)) chunks.push(chunk);
    contents.push([file.name, Buffer.concat(chunks)]);
  }
  return contents;
}

describe("a ZIP", () => {
  test.each<[string, Partial<ZipFile>, ZipShape]>([
    ["stored", {}, {}],
    ["deflated", { method: "deflate" }, {}],
    ["stored to a pipe", { streamed: true }, {}],
    ["deflated to a pipe", { streamed: true, method: "deflate" }, {}],
    ["Zip64, stored", { zip64: true }, { zip64: true }],
    ["Zip64, deflated", { zip64: true, method: "deflate" }, { zip64: true }],
    ["Zip64, deflated to a pipe", { zip64: true, streamed: true, method: "deflate" }, { zip64: true }],
    ["with a Zip64 end only", {}, { zip64: true }],
    ["with a comment", {}, { comment: Buffer.from("looked at by the portal") }],
    ["with a long comment", {}, { comment: Buffer.alloc(60_000, "x") }],
  ])("gives its files: %s", async (_name, file, shape) => {
    const zip = makeZip(
      [
        { name: "text", bytes: text, ...file },
        { name: "note", bytes: note, ...file },
      ],
      shape,
    );
    expect(await contentsOf(await zipFile(zip))).toEqual([
      ["text", text],
      ["note", note],
    ]);
  });

  test("says where stored bytes lie, so that they are read there", async () => {
    const zip = makeZip([
      { name: "note", bytes: note },
      { name: "text", bytes: text },
    ]);
    const path = await zipFile(zip);
    for (const { offset, size, name, packing } of await zipEntries(path)) {
      expect(packing).toBe("none");
      expect(zip.subarray(offset, offset + size)).toEqual(name === "text" ? text : note);
    }
  });

  test("gives names without their folders, whichever slash stands between them", async () => {
    const names = ["upload/2026/a.tar.001", "upload\\2026\\a.tar.002", "upload/", "__proto__"];
    const path = await zipFile(
      makeZip(names.map((name) => ({ name, bytes: name.endsWith("/") ? Buffer.alloc(0) : note }))),
    );
    expect((await zipEntries(path)).map(({ name }) => name)).toEqual(["a.tar.001", "a.tar.002", "__proto__"]);
  });

  test("without files is one, too", async () => {
    expect(await zipEntries(await zipFile(makeZip([])))).toEqual([]);
  });

  test("with thousands of files, and names as long as they get, is read", async () => {
    const files = Array.from({ length: 3000 }, (_, at) => ({ name: `${at}-${"n".repeat(at % 700)}`, bytes: note }));
    const longest = { name: "m".repeat(0xffff), bytes: note };
    expect(await zipEntries(await zipFile(makeZip([...files, longest, ...files])))).toHaveLength(6001);
  });
});

describe("a hostile or damaged ZIP is refused:", () => {
  const file = (more: Partial<ZipFile> = {}): ZipFile => ({ name: "text", bytes: text, ...more });

  test.each<[string, Uint8Array, string]>([
    [
      "names that climb out",
      makeZip([file({ name: "../../etc/cron.d/x" })]),
      'stay within it, got "../../etc/cron.d/x"',
    ],
    ["names that climb out in the middle", makeZip([file({ name: "a/../../x" })]), "stay within it"],
    ["names that climb out with backslashes", makeZip([file({ name: "a\\..\\x" })]), "stay within it"],
    ["absolute names", makeZip([file({ name: "/etc/passwd" })]), "stay within it"],
    ["absolute names with backslashes", makeZip([file({ name: "\\\\host\\share" })]), "stay within it"],
    ["names with a drive", makeZip([file({ name: "C:x" })]), "stay within it"],
    ["names with a NUL", makeZip([file({ name: "a\0.tar" })]), "stay within it"],
    ["two files in one place", makeZip([file(), file({ offset: 0 })]), "two that overlap"],
    ["files that overlap", overlapping(), "two that overlap"],
    ["a file that goes on into the directory", intoDirectory(), "to end before the directory"],
    ["another name in its local header", makeZip([file({ local: { name: "evil" } })]), "say what the directory says"],
    ["another size in its local header", makeZip([file({ local: { size: 1 } })]), "say what the directory says"],
    ["another method in its local header", makeZip([file({ local: { method: 8 } })]), "say what the directory says"],
    ["another CRC-32 in its local header", makeZip([file({ local: { crc32: 1 } })]), "say what the directory says"],
    ["no local header", makeZip([file({ offset: 5 })]), "got none"],
    ["a local header beyond the end", makeZip([file({ offset: 2 ** 31 })]), "got none"],
    ["a stored file of two sizes", makeZip([file({ size: 10 })]), "to have one size"],
    ["millions of files", makeZip([file()], { entries: 60_000 }), "at most 10000 files"],
    ["millions of files in Zip64", makeZip([file()], { zip64: true, entries: 50_000_000 }), "at most 10000 files"],
    ["gigabytes of directory", makeZip([file()], { zip64: true, directorySize: 2 ** 40 }), "bytes of names"],
    ["a directory elsewhere", makeZip([file()], { directoryOffset: 10 }), "right before its end"],
    ["a directory before the beginning", makeZip([file()], { zip64: true, directoryOffset: 2 ** 63 }), "right before"],
    ["fewer files than stated", makeZip([file(), file({ name: "b" })], { entries: 1 }), "to have"],
    ["more files than stated", makeZip([file()], { entries: 2 }), "right before its end"],
    // The last end counts for everybody, and says that nothing is in there.
    ["a second end in its comment", makeZip([file()], { comment: makeZip([]) }), "right before its end"],
    ["a second Zip64 record", makeZip([file()], { zip64: true, comment: Buffer.from("PK\x06\x06") }), "Zip64 record"],
    [
      "a Zip64 record and a long comment",
      makeZip([file()], { zip64: true, comment: Buffer.alloc(990, "x") }),
      "Zip64 record",
    ],
    ["a ZIP of several disks", split(makeZip([file()])), "part of a split one"],
    ["something after its end", Buffer.concat([makeZip([file()]), Buffer.from("more")]), "its directory at its end"],
    ["no end", makeZip([file()]).subarray(0, -30), "its directory at its end"],
    ["a directory of zeros", zeroedDirectory(), "a damaged one"],
  ])("%s", async (_name, zip, message) => {
    const path = await zipFile(zip);
    const error = await failureOf(() => zipEntries(path));
    expect(error).toMatchObject({ code: "BUNDLE_INVALID", exitCode: 3 });
    expect(error.message).toContain(message);
  });

  function overlapping(): Buffer {
    const inner = makeZip([{ name: "inner", bytes: text }]);
    const at = makeZip([{ name: "outer", bytes: inner }]).indexOf("PK\x03\x04", 4);
    return makeZip([
      { name: "outer", bytes: inner },
      { name: "inner", bytes: text, offset: at },
    ]);
  }

  function intoDirectory(): Buffer {
    const zip = makeZip([file()]);
    const size = text.length + 20;
    for (const at of [18, 22, zip.indexOf("PK\x01\x02") + 20, zip.indexOf("PK\x01\x02") + 24])
      zip.writeUInt32LE(size, at);
    return zip;
  }

  function split(zip: Buffer): Buffer {
    zip.writeUInt16LE(1, zip.length - 22 + 4);
    return zip;
  }

  function zeroedDirectory(): Buffer {
    const zip = makeZip([file()]);
    return zip.fill(0, zip.indexOf("PK\x01\x02"), zip.length - 22);
  }

  test.each<[string, Partial<ZipFile>, string]>([
    ["encrypted", { flags: 1 }, "got it encrypted"],
    ["packed by Windows' Deflate64", { method: 9 }, "got method 9"],
    ["packed by zstd", { method: 93 }, "got method 93"],
  ])("only if that file is wanted: %s", async (_name, more, message) => {
    const path = await zipFile(makeZip([file(more), { name: "note", bytes: note }]));
    const [wanted, other] = await zipEntries(path);
    expect((await failureOf(() => headOf(wanted!, 10))).message).toContain(message);
    expect(await headOf(other!, 10)).toEqual(note);
  });

  test.each<[string, Partial<ZipFile>, string]>([
    ["a bomb: more than stated", { size: 100 }, "unpack to 100 bytes, as the ZIP says, got more"],
    ["less than stated", { size: text.length + 1 }, `got ${text.length}`],
    ["another CRC-32", { crc32: 0x12345678 }, "CRC-32 12345678"],
    ["another CRC-32, written to a pipe", { crc32: 0x12345678, streamed: true }, "CRC-32 12345678"],
    ["a bomb, written to a pipe", { size: 100, streamed: true }, "got more"],
    ["bytes that are not deflated", { packed: Buffer.from("not deflated") }, "to be unpacked, got"],
    ["deflated bytes that are cut off", { packed: Buffer.from([0x4b, 0x4c]) }, "to be unpacked, got"],
  ])("while it is unpacked: %s", async (_name, more, message) => {
    const path = await zipFile(makeZip([file({ method: "deflate", ...more })]));
    const error = await failureOf(() => contentsOf(path));
    expect(error.code).toBe("BUNDLE_INVALID");
    expect(error.message).toContain(message);
  });

  test("while it is unpacked: something hidden after the packed bytes", async () => {
    const { deflateRawSync } = await import("node:zlib");
    const packed = Buffer.concat([deflateRawSync(text), Buffer.from("hidden")]);
    const path = await zipFile(makeZip([file({ method: "deflate", packed })]));
    expect((await failureOf(() => contentsOf(path))).message).toMatch(/to take \d+ bytes in the ZIP, got an end after/);
  });

  test("a bomb of gigabytes is left as soon as more comes than stated", async () => {
    const { deflateRawSync } = await import("node:zlib");
    const packed = deflateRawSync(Buffer.alloc(64 * 1024 * 1024));
    const path = await zipFile(makeZip([file({ method: "deflate", packed, size: 1000 })]));
    let came = 0;
    const [bomb] = await zipEntries(path);
    const error = await failureOf(async () => {
      for await (const chunk of unpackedBytes(bomb!)) came += chunk.length;
    });
    expect(error.message).toContain("got more");
    expect(came).toBe(0);
  });

  test("of which any byte was changed, without a crash", async () => {
    const zip = makeZip([file({ bytes: text.subarray(0, 50) }), file({ name: "b", method: "deflate", zip64: true })], {
      zip64: true,
      comment: Buffer.from("comment"),
    });
    await fc.assert(
      fc.asyncProperty(fc.nat(zip.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(zip);
        changed[at] = changed.readUInt8(at) ^ change;
        const path = folder.file("changed.zip");
        await writeFile(path, changed);
        await contentsOf(path).catch((error: unknown) => {
          expect(error).toMatchObject({ code: "BUNDLE_INVALID" });
        });
      }),
      { numRuns: 300 },
    );
  });

  test("of which the end was cut off anywhere, without a crash", async () => {
    const zip = makeZip([file({ bytes: note }), file({ name: "b", bytes: note })], { zip64: true });
    for (let length = 0; length < zip.length; length += 1) {
      const path = folder.file("cut.zip");
      await writeFile(path, zip.subarray(0, length));
      expect((await failureOf(() => zipEntries(path))).code).toBe("BUNDLE_INVALID");
    }
  });
});

test("a ZIP of more than 4 GiB is read in place", async () => {
  const size = 5 * 1024 ** 3;
  const path = folder.file("large.zip");
  const head = makeZip([{ name: "hole", bytes: note, zip64: true }], { zip64: true });
  const at = head.indexOf("a note");
  const directory = head.indexOf("PK\x01\x02");
  const grown = size - note.length;
  const handle = await open(path, "w");
  // The file in it is a hole, so its bytes are all zeros; nobody checks the CRC-32 of what is stored.
  const local = Buffer.from(head.subarray(0, at));
  const tail = Buffer.from(head.subarray(directory));
  for (const bytes of [local, tail]) {
    for (let found = bytes.indexOf(sixLong()); found >= 0; found = bytes.indexOf(sixLong(), found + 1)) {
      bytes.writeBigUInt64LE(BigInt(size), found);
    }
  }
  const end = tail.indexOf("PK\x06\x06");
  tail.writeBigUInt64LE(BigInt(directory + grown), end + 48);
  tail.writeBigUInt64LE(BigInt(directory + end + grown), end + 56 + 8);
  await handle.write(local, 0, local.length, 0);
  await handle.write(tail, 0, tail.length, at + size);
  await handle.close();
  expect(await zipEntries(path)).toMatchObject([{ name: "hole", size, offset: at }]);

  function sixLong(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(note.length));
    return bytes;
  }
});

test("what is no file to read is refused, and does not hang", async () => {
  execFileSync("mkfifo", [folder.file("pipe")]);
  expect((await failureOf(() => zipEntries(folder.file("pipe")))).code).toBe("CONFIG_INVALID");
});
