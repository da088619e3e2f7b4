import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  assertFileSize,
  assertRoomForFiles,
  assertWritable,
  blocksOf,
  fileSystemOf,
} from "../../../src/bundle/sinks/file-system.js";
import { failureOf } from "../../support/errors.js";
import { TempFolder } from "../../support/temp-folder.js";

const of = (type: number) => fileSystemOf("/media/stick", () => Promise.resolve({ type }));

describe.runIf(process.platform === "linux")("a file system", () => {
  test.each([
    ["FAT32", 0x4d44],
    ["exFAT", 0x2011bab0],
    ["NTFS", 0x7366746e],
    ["HFS+", 0x482b],
  ])("%s is written in order, since it cannot have holes", async (name, type) => {
    expect(await of(type)).toMatchObject({ name, order: "in-order" });
  });

  test.each([
    ["ext4", 0xef53],
    ["XFS", 0x58465342],
    ["tmpfs", 0x01021994],
    ["FUSE", 0x65735546],
    ["unknown", 0],
  ])("%s is written in any order", async (_name, type) => {
    expect(await of(type)).toEqual({ name: undefined, order: "any", maxFileSize: Number.POSITIVE_INFINITY });
  });

  test("that does not tell is taken for one that can do all", async () => {
    const fileSystem = await fileSystemOf("/media/stick", () => Promise.reject(new Error("no statfs here")));
    expect(fileSystem.order).toBe("any");
  });

  test("FAT32 takes files up to 4 GiB less one byte, and says how larger bundles get there", async () => {
    const fat = await of(0x4d44);
    assertFileSize("/media/stick/bundle.tar", 0xffff_ffff, fat);
    const failure = await failureOf(() => {
      assertFileSize("/media/stick/bundle.tar", 2 ** 32, fat);
    });
    expect(failure.code).toBe("FILE_TOO_LARGE");
    expect(failure.exitCode).toBe(7);
    expect(failure.message).toBe(
      'expected "/media/stick" to take a file of 4294967296 bytes, but FAT32 takes at most 4294967295',
    );
    expect(failure.hint).toContain("--volume-size fat32");
  });

  test("exFAT takes files of any size", async () => {
    assertFileSize("/media/stick/bundle.tar", 2 ** 45, await of(0x2011bab0));
  });
});

describe("the room on a file system", () => {
  test("is taken by whole blocks of each file", () => {
    expect(blocksOf([], 4096)).toBe(0);
    expect(blocksOf([1, 4096, 4097], 4096)).toBe(4 * 4096);
  });

  test("suffices for as many files as it says, or if it does not say", async () => {
    const free = { bavail: 1, bsize: 4096, files: 10, ffree: 3 };
    assertRoomForFiles("/media/stick/bundle.tar", 3, free);
    assertRoomForFiles("/media/stick/bundle.tar", 4, { ...free, files: 0, ffree: 0 });
    const failure = await failureOf(() => {
      assertRoomForFiles("/media/stick/bundle.tar", 4, free);
    });
    expect(failure.code).toBe("NO_SPACE");
    expect(failure.message).toBe('expected room for 4 more files in "/media/stick", got room for 3 (inodes)');
  });
});

describe("a place to write to", () => {
  let folder: TempFolder;
  beforeEach(async () => {
    folder = await TempFolder.create();
  });
  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  test("is a folder that is there", async () => {
    await assertWritable(folder.file("bundle.tar"));
    const failure = await failureOf(() => assertWritable(folder.file("nowhere/bundle.tar")));
    expect(failure.code).toBe("FILE_NOT_FOUND");
    expect(failure.message).toContain(folder.file("nowhere"));
  });

  test("is no file", async () => {
    await writeFile(folder.file("file"), "");
    expect((await failureOf(() => assertWritable(folder.file("file/bundle.tar")))).code).toBe("FILE_NOT_FOUND");
  });

  test.each([
    ["EROFS", "MEDIUM_FAILED", "write protection"],
    ["EACCES", "CONFIG_INVALID", "owner and mode"],
    ["EIO", "MEDIUM_FAILED", "the medium"],
  ] as const)("is refused with %s before any work is done", async (errno, code, hint) => {
    const error = Object.assign(new Error(errno), { code: errno, syscall: "access" });
    const failure = await failureOf(() => assertWritable(folder.file("bundle.tar"), () => Promise.reject(error)));
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(`expected to write to "${folder.path}"`);
    expect(failure.hint).toContain(hint);
  });
});
