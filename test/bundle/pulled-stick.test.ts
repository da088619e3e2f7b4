import type { FileHandle } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openMedium, openRandomMedium } from "../../src/bundle/index.js";
import { failureOf } from "../support/errors.js";
import { cutInto, likeBundle, setOf, writeFiles } from "../support/media.js";
import { TempFolder } from "../support/temp-folder.js";
import { makeZip } from "../support/zip.js";

// A stick that is pulled cannot be had without root: the kernel says EIO for each
// read of it, as it does for memory that is not there. ENOENT is what opening says.
const { pulled } = vi.hoisted(() => ({ pulled: { name: "", from: Number.POSITIVE_INFINITY, errno: "" } }));
vi.mock("node:fs/promises", async (original) => {
  const actual = await original<typeof import("node:fs/promises")>();
  const open = async (...args: Parameters<typeof actual.open>): Promise<FileHandle> => {
    const handle = await actual.open(...args);
    if (!String(args[0]).endsWith(pulled.name) || pulled.name === "") return handle;
    pulled.from -= 1;
    if (pulled.from > 0) return handle;
    const stats = await handle.stat();
    await handle.close();
    if (pulled.errno !== "EIO") {
      throw Object.assign(new Error(`${pulled.errno}: open`), { code: pulled.errno, syscall: "open" });
    }
    const gone = await actual.open("/proc/self/mem");
    return Object.assign(gone, { stat: async () => stats });
  };
  return { ...actual, open };
});

const KIB = 1024;
const bytes = likeBundle(900 * KIB);
const parts = cutInto(bytes, 400 * KIB);

let folder: TempFolder;
beforeEach(async () => {
  folder = await TempFolder.create();
  pulled.name = "";
});
afterEach(() => folder[Symbol.asyncDispose]());

/** From its `opens`-th opening on, the file is on a stick that is gone. */
function pull(name: string, opens: number, errno = "EIO"): void {
  Object.assign(pulled, { name, from: opens, errno });
}

describe("a stick that is pulled", () => {
  test("while a part on it is read names that part", async () => {
    await writeFiles(folder.path, await setOf("b.tar", parts, false));
    pull("b.tar.002", 1);
    await using source = (await openRandomMedium([folder.path])).source;
    for (const read of [
      () => source.read(350 * KIB, 100 * KIB),
      () => source.digest(0, 900 * KIB, "sha256"),
      () => source.digest(390 * KIB, 20 * KIB, "sha256"),
      () => source.checksum(100 * KIB, 500 * KIB),
      () => buffer(source.stream(0, 900 * KIB)),
    ]) {
      const error = await failureOf(read);
      expect(error).toMatchObject({ code: "MEDIUM_FAILED", exitCode: 7 });
      expect(error.message).toBe(`expected to read "${folder.file("b.tar.002")}", but the medium failed (EIO)`);
    }
    expect(await source.read(850 * KIB, 10)).toHaveLength(10);
  });

  test("while a ZIP on it is read names the ZIP", async () => {
    for (const method of ["store", "deflate"] as const) {
      await writeFiles(folder.path, { "x.zip": makeZip([{ name: "b.tar", bytes, method }]) });
      pull("x.zip", 4);
      const { source } = await openMedium([folder.file("x.zip")]);
      await using _source = source;
      const read = () => buffer("size" in source ? source.stream(0, 900 * KIB) : source.stream(900 * KIB));
      const error = await failureOf(read);
      expect(error).toMatchObject({ code: "MEDIUM_FAILED" });
      expect(error.message).toContain(`expected to read "${folder.file("x.zip")}", but the medium failed`);
    }
  });

  test("while a ZIP's directory is read is no damage of the ZIP", async () => {
    await writeFiles(folder.path, { "x.zip": makeZip([{ name: "b.tar", bytes }]) });
    pull("x.zip", 2);
    const error = await failureOf(() => openMedium([folder.file("x.zip")]));
    expect(error).toMatchObject({ code: "MEDIUM_FAILED", exitCode: 7 });
  });

  test.each(["ENOENT", "ENODEV", "ENXIO", "ESTALE", "Unknown system error -116"])(
    "between being looked at and being opened is a failure of the medium: %s",
    async (errno) => {
      await writeFiles(folder.path, await setOf("b.tar", parts));
      pull("b.tar.002", 2, errno);
      const error = await failureOf(() => openMedium([folder.path]));
      expect(error).toMatchObject({ code: "MEDIUM_FAILED", exitCode: 7 });
      expect(error.message).toContain(`"${folder.file("b.tar.002")}"`);
    },
  );

  test("before its last part was read, with somebody to ask, is asked for again", async () => {
    const set = await setOf("b.tar", parts);
    const { "b.tar.002": second, ...rest } = set;
    await writeFiles(folder.path, rest);
    const asked: string[] = [];
    const { source } = await openMedium([folder.path], {
      volumePrompt: {
        ask: async (request) => {
          asked.push(request);
          pull(asked.length === 1 ? "b.tar.002" : "", 1, "ENODEV");
          await writeFiles(folder.path, { "b.tar.002": second! });
        },
      },
    });
    await using _source = source;
    if (!("expectEnd" in source)) throw new Error("expected a bundle that is read once");
    expect((await buffer(source.stream(bytes.length))).equals(bytes)).toBe(true);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toContain("This is not it: expected to open");
  });
});
