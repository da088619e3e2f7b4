import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { replaceFile } from "../../src/io/index.js";
import { failureOf } from "../support/errors.js";
import { TempFolder } from "../support/temp-folder.js";

let folder: TempFolder;
let path: string;

beforeEach(async () => {
  folder = await TempFolder.create();
  path = folder.file("file");
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

test("replaceFile makes a file, and replaces one, with the mode that was asked for", async () => {
  for (const text of ["first", "second"]) {
    await replaceFile(path, Buffer.from(text), 0o600);
    expect(await readFile(path, "utf8")).toBe(text);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder.path)).toEqual(["file"]);
  }
});

test("whoever has the old file open reads the old bytes", async () => {
  await writeFile(path, "old");
  const before = await stat(path);
  await replaceFile(path, Buffer.from("new"), 0o600);
  expect((await stat(path)).ino).not.toBe(before.ino);
});

test("symbolic links without an end are an error", async () => {
  await symlink("file", path);
  expect(await failureOf(() => replaceFile(path, Buffer.from("x"), 0o600))).toMatchObject({ code: "CONFIG_INVALID" });
});

test("what cannot be replaced is left as it is, and nothing beside it", async () => {
  await mkdir(path);
  expect(await failureOf(() => replaceFile(path, Buffer.from("x"), 0o600))).toMatchObject({ code: "CONFIG_INVALID" });
  expect(await readdir(folder.path)).toEqual(["file"]);
});

test("a folder that is not there is an error", async () => {
  const error = await failureOf(() => replaceFile(folder.file("absent/file"), Buffer.from("x"), 0o600));
  expect(error).toMatchObject({ code: "FILE_NOT_FOUND" });
});
