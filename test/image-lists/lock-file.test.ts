import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LockFile, parseImages } from "../../src/image-lists/index.js";
import { digestOf } from "../../src/oci/index.js";
import { TempFolder } from "../support/temp-folder.js";

const DIGEST = digestOf(Buffer.from("a"));

let folder: TempFolder;
let path: string;

beforeEach(async () => {
  folder = await TempFolder.create();
  path = folder.file("sealift.lock");
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

async function lockNginx(): Promise<void> {
  await using file = await LockFile.open({ path });
  file.lock.lockImage("docker.io/library/nginx:1.27", DIGEST);
  await file.save();
}

describe("a lock file", () => {
  test("is made where there is none, and adds to what it has", async () => {
    await lockNginx();
    {
      await using file = await LockFile.open({ path });
      expect(file.lock.digestOf("docker.io/library/nginx:1.27")).toBe(DIGEST);
      file.lock.lockTags("docker.io/library/nginx:1.*", ["1.27"]);
      await file.save();
    }
    await using file = await LockFile.open({ path, isFrozen: true });
    expect(file.lock.digestOf("docker.io/library/nginx:1.27")).toBe(DIGEST);
    expect(file.lock.tagsOf("docker.io/library/nginx:1.*")).toEqual(["1.27"]);
    expect(await readdir(folder.path)).toEqual(["sealift.lock"]);
  });

  test("is not made, and not changed, unless it is saved", async () => {
    {
      await using file = await LockFile.open({ path });
      file.lock.lockImage("docker.io/library/nginx:1.27", DIGEST);
    }
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("is left alone where nothing is new", async () => {
    await lockNginx();
    const before = await stat(path);
    await lockNginx();
    expect((await stat(path)).ino).toBe(before.ino);
  });

  test("stays a link where it is one", async () => {
    await mkdir(folder.file("shared"));
    await symlink("shared/real.lock", path);
    await lockNginx();
    expect(await readFile(folder.file("shared/real.lock"), "utf8")).toContain(DIGEST);
  });

  test("is one run's at a time, unless it is frozen", async () => {
    await lockNginx();
    await using _file = await LockFile.open({ path });
    await expect(LockFile.open({ path })).rejects.toMatchObject({
      code: "LOCKED",
      message: expect.stringContaining(`expected nobody else to write the lock file "${path}"`) as string,
    });
    await using _frozen = await LockFile.open({ path, isFrozen: true });
  });

  test("that is broken is let go of", async () => {
    await writeFile(path, "{");
    await expect(LockFile.open({ path })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    expect(await readdir(folder.path)).toEqual(["sealift.lock"]);
  });

  test("that is too large is refused", async () => {
    await writeFile(path, " ".repeat(16 * 1024 * 1024 + 1));
    await expect(LockFile.open({ path })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `expected lock file "${path}" to have at most 16777216 bytes, got more`,
    });
  });

  test("whose folder is not there is refused before anything is done", async () => {
    await expect(LockFile.open({ path: folder.file("gone/sealift.lock") })).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
    });
  });

  test("that is frozen must be there", async () => {
    await expect(LockFile.open({ path, isFrozen: true })).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });
});

describe("what is asked for", () => {
  test("is read: references and patterns", async () => {
    const images = await parseImages(["nginx", "nginx:1.*"]);
    expect(images).toMatchObject([{ tag: "latest" }, { kind: "glob" }]);
  });

  test("is refused where a range is none", async () => {
    await expect(parseImages(["nginx", "nginx:~foo"])).rejects.toMatchObject({ code: "REFERENCE_INVALID" });
  });

  test("is not bound by a lock that grows", async () => {
    expect(await parseImages(["nginx"], { path })).toHaveLength(1);
    await writeFile(path, "{");
    await expect(parseImages(["nginx"], { path })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test.each(["", ".lock", ".partial"])("is not locked by what the export writes: BUNDLE%s", async (suffix) => {
    await writeFile(`${path}${suffix}`, "no lock");
    await expect(parseImages(["nginx"], { path: `${path}${suffix}` }, path)).rejects.toMatchObject({
      code: "USAGE",
      message: `expected a lock file of its own, got "${path}${suffix}", which the export writes itself`,
      hint: "choose another name, such as sealift.lock",
    });
  });

  test("must be in a lock that is frozen; what is not is named, up to five", async () => {
    await lockNginx();
    const lock = { path, isFrozen: true };
    expect(await parseImages(["nginx:1.27", `redis@${DIGEST}`], lock)).toHaveLength(2);
    await expect(parseImages(["nginx:1.27", "redis:7", "nginx:1.*"], lock)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `expected the lock file "${path}" to cover all images, but it lacks docker.io/library/redis:7, docker.io/library/nginx:1.*`,
    });
    await expect(parseImages(["a", "b", "c", "d", "e", "f", "g"], lock)).rejects.toMatchObject({
      message: expect.stringMatching(/docker\.io\/library\/e:latest, and 2 more$/) as string,
    });
  });
});
