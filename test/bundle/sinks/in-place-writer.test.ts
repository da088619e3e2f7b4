import { link, mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openRandomMedium } from "../../../src/bundle/open-medium.js";
import { InPlaceWriter } from "../../../src/bundle/sinks/in-place-writer.js";
import { failureOf } from "../../support/errors.js";
import { cutInto, likeBundle, setOf, writeFiles } from "../../support/media.js";
import { TempFolder } from "../../support/temp-folder.js";
import { makeZip } from "../../support/zip.js";

const bytes = likeBundle(10_000);

let folder: TempFolder;

beforeEach(async () => {
  folder = await TempFolder.create();
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

/** Writes into what lies at `path`. */
async function write(path: string, position: number, content: Uint8Array, trim?: number): Promise<void> {
  const { source } = await openRandomMedium([path], { tolerant: true });
  await using _source = source;
  await using writer = new InPlaceWriter(source);
  await writer.write(position, content);
  if (trim !== undefined) await writer.trim(trim);
  await writer.sync();
}

describe("a bundle in one file", () => {
  let path: string;

  beforeEach(async () => {
    path = folder.file("bundle.tar");
    await writeFile(path, bytes);
  });

  test("is overwritten where it lies, and nowhere else", async () => {
    await write(path, 5000, Buffer.from("here"));
    const expected = Buffer.from(bytes);
    expected.write("here", 5000);
    expect(await readFile(path)).toEqual(expected);
  });

  test("grows where it is too short", async () => {
    await truncate(path, 4000);
    await write(path, 3999, Buffer.from("beyond"));
    await write(path, 4100, Buffer.from("far"));
    const came = await readFile(path);
    expect(came.subarray(3999)).toEqual(Buffer.concat([Buffer.from("beyond"), Buffer.alloc(95), Buffer.from("far")]));
  });

  test("is cut where it is too long", async () => {
    await write(path, 0, bytes.subarray(0, 1), 9000);
    expect(await readFile(path)).toEqual(bytes.subarray(0, 9000));
  });
});

describe("a bundle in parts", () => {
  let parts: string;
  const part = (number: number) => join(parts, `bundle.tar.00${number}`);

  beforeEach(async () => {
    parts = folder.file("parts");
    await mkdir(parts);
    await writeFiles(parts, await setOf("bundle.tar", cutInto(bytes, 3000)));
  });

  async function joined(): Promise<Buffer> {
    return Buffer.concat(await Promise.all([1, 2, 3, 4].map(async (number) => await readFile(part(number)))));
  }

  test("is overwritten across them", async () => {
    await write(parts, 2000, Buffer.alloc(5000, "x"));
    expect(await joined()).toEqual(Buffer.from(bytes).fill("x", 2000, 7000));
  });

  test.each([1, 2, 4])("gets part %i back, if it is missing", async (number) => {
    await rm(part(number));
    const start = (number - 1) * 3000;
    await write(parts, start, bytes.subarray(start, start + 3000));
    expect(await joined()).toEqual(bytes);
  });

  test("gets the end of a part back that was cut off", async () => {
    await truncate(part(2), 1234);
    await write(parts, 4234, bytes.subarray(4234, 6000));
    expect(await joined()).toEqual(bytes);
  });

  test("does not follow a link that leads to nothing", async () => {
    await rm(part(2));
    const outside = folder.file("outside");
    const { source } = await openRandomMedium([parts], { tolerant: true });
    await using _source = source;
    await symlink(outside, part(2));
    await using writer = new InPlaceWriter(source);
    await failureOf(() => writer.write(3000, Buffer.from("x")));
    await expect(readFile(outside)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("a part that is no file of the bundle's own", () => {
  let [parts, outside] = ["", ""];
  const part = () => join(parts, "bundle.tar.002");

  beforeEach(async () => {
    [parts, outside] = [folder.file("parts"), folder.file("outside")];
    await mkdir(parts);
    await writeFiles(parts, await setOf("bundle.tar", cutInto(bytes, 3000)));
    await rename(part(), outside);
  });

  async function expectRefused(got: RegExp): Promise<void> {
    const before = await readFile(outside);
    const failure = await failureOf(() => write(parts, 3000, Buffer.from("evil")));
    expect(failure).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringMatching(got) as string });
    expect(failure.message).toContain("bundle.tar.002");
    expect(await readFile(outside)).toEqual(before);
  }

  test("is not overwritten through a symbolic link that leads out of the folder", async () => {
    await symlink(outside, part());
    await expectRefused(/got a link/);
  });

  test("is not overwritten if it has another name, too", async () => {
    await link(outside, part());
    await expectRefused(/several names/);
  });
});

test("parts that are missing are made in the folder that was asked for", async () => {
  const [parts, room] = [folder.file("parts"), folder.file("room")];
  await mkdir(room);
  await writeFiles(parts, await setOf("bundle.tar", cutInto(bytes, 3000)));
  await rm(join(parts, "bundle.tar.002"));
  const { source } = await openRandomMedium([parts], { tolerant: true });
  await using _source = source;
  await using writer = new InPlaceWriter(source, room);
  await writer.write(2990, bytes.subarray(2990, 6010));
  await writer.sync();
  expect(await readFile(join(room, "bundle.tar.002"))).toEqual(bytes.subarray(3000, 6000));
  expect((await readdir(parts)).sort()).not.toContain("bundle.tar.002");
});

test("a bundle in a ZIP is not written", async () => {
  const path = folder.file("bundle.zip");
  const zip = makeZip([{ name: "bundle.tar", bytes }]);
  await writeFile(path, zip);
  expect((await failureOf(() => write(path, 0, Buffer.from("x")))).code).toBe("USAGE");
  expect(await readFile(path)).toEqual(zip);
});
