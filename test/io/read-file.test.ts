import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSmallFile } from "../../src/io/index.js";
import { failureOf } from "../support/errors.js";
import { TempFolder } from "../support/temp-folder.js";

describe("a small file", () => {
  let folder: TempFolder;
  beforeEach(async () => {
    folder = await TempFolder.create();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  test.each([0, 1, 99, 100])("of %d bytes is read whole, if 100 are allowed", async (size) => {
    const bytes = Buffer.alloc(size, "x");
    await writeFile(folder.file("f"), bytes);
    expect(await readSmallFile(folder.file("f"), 100)).toEqual(bytes);
  });

  test("of one byte more is refused", async () => {
    await writeFile(folder.file("f"), Buffer.alloc(101));
    const error = await failureOf(() => readSmallFile(folder.file("f"), 100));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toMatch(/^expected ".*\/f" to have at most 100 bytes, got more$/);
  });

  test("without an end is refused", async () => {
    expect((await failureOf(() => readSmallFile("/dev/zero", 1000))).code).toBe("CONFIG_INVALID");
  });

  test("that is not there, or is a folder, is an error that says so", async () => {
    await mkdir(folder.file("d"));
    expect((await failureOf(() => readSmallFile(folder.file("none"), 100))).code).toBe("FILE_NOT_FOUND");
    expect((await failureOf(() => readSmallFile(folder.file("d"), 100))).code).toBe("CONFIG_INVALID");
  });

  test("is refused at once when it is a pipe that nobody writes to, or a device", async () => {
    execFileSync("mkfifo", [folder.file("pipe")]);
    for (const path of [folder.file("pipe"), "/dev/zero", folder.path]) {
      expect((await failureOf(() => readSmallFile(path, 100))).code).toBe("CONFIG_INVALID");
    }
  });
});
