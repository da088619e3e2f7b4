import { createHash, randomBytes } from "node:crypto";
import { cp, type FileHandle, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BundlePlace } from "../../../src/bundle/index.js";
import type { FileSink } from "../../../src/bundle/sinks/file-sink.js";
import {
  ANY_FILE_SYSTEM,
  type FileSystem,
  type FreeRoom,
  MAX_FAT_FILE_SIZE,
} from "../../../src/bundle/sinks/file-system.js";
import { findReplacedVolumes, finishRenames } from "../../../src/bundle/sinks/replaced-volumes.js";
import { createVolumeSink } from "../../../src/bundle/sinks/volume-sink.js";
import { parseVolumesFile } from "../../../src/bundle/volumes-file.js";
import { digestOf } from "../../../src/oci/index.js";
import { failureOf } from "../../support/errors.js";
import { TempFolder } from "../../support/temp-folder.js";

const FAT: FileSystem = { name: "FAT32", order: "in-order", maxFileSize: MAX_FAT_FILE_SIZE };

const SET = digestOf(Buffer.from("the index"));

let folder: TempFolder;
let path: string;
let handles: FileHandle;

beforeEach(async () => {
  folder = await TempFolder.create();
  path = folder.file("bundle.tar");
  handles = await folder.fileHandles();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await folder[Symbol.asyncDispose]();
});

const names = (): Promise<readonly string[]> => folder.names();

async function createSink(partSize: number, fileSystem = ANY_FILE_SYSTEM): Promise<FileSink> {
  await finishRenames(path);
  return await createVolumeSink({ path, partSize, replaced: await findReplacedVolumes(path), fileSystem });
}

/** Writes a bundle, in pieces that cross the cuts. */
async function write(bytes: Buffer, partSize: number, fileSystem = ANY_FILE_SYSTEM): Promise<void> {
  await using sink = await createSink(partSize, fileSystem);
  await sink.begin(digestOf(bytes));
  await sink.allocate(bytes.length);
  for (let done = 0; done < bytes.length; done += 700) await sink.write(done, bytes.subarray(done, done + 700));
  await sink.commit();
}

/** The parts, the volumes file and the sums in a folder, if they are those of this bundle and nothing else is there. */
async function assertWhole(bytes: Buffer, partSize: number, where = folder.path): Promise<void> {
  const count = Math.ceil(bytes.length / partSize);
  const parts = Array.from({ length: count }, (_, at) => `bundle.tar.${String(at + 1).padStart(3, "0")}`);
  expect((await readdir(where)).toSorted()).toEqual([...parts, "bundle.tar.SHA256SUMS", "bundle.tar.volumes.json"]);
  const contents = await Promise.all(parts.map((name) => readFile(`${where}/${name}`)));
  expect(Buffer.concat(contents).equals(bytes)).toBe(true);
  const volumes = parseVolumesFile(await readFile(`${where}/bundle.tar.volumes.json`), "it");
  expect(volumes).toMatchObject({ set: digestOf(bytes), size: bytes.length, partSize });
  const sums = (await readFile(`${where}/bundle.tar.SHA256SUMS`, "utf8")).trim().split("\n");
  expect(sums).toHaveLength(count + 1);
  for (const line of sums) {
    const [sum = "", name = ""] = line.split("  ");
    expect(
      createHash("sha256")
        .update(await readFile(`${where}/${name}`))
        .digest("hex"),
    ).toBe(sum);
  }
}

describe("a bundle in volumes", () => {
  test("is the same as in one file, however it is cut and written", async () => {
    const order = fc.constantFrom(ANY_FILE_SYSTEM, FAT);
    const size = fc.integer({ min: 1, max: 9000 });
    await fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 1500, max: 9000 }), order, async (length, partSize, fileSystem) => {
        const bytes = randomBytes(length);
        await write(bytes, partSize, fileSystem);
        await assertWhole(bytes, partSize);
      }),
      { numRuns: 20 },
    );
  });

  test("takes writes in parallel, in any order", async () => {
    const bytes = randomBytes(50_000);
    await using sink = await createSink(4096);
    await sink.begin(digestOf(bytes));
    await sink.allocate(bytes.length);
    const positions = Array.from({ length: 50 }, (_, at) => at * 1000).toSorted(() => Math.random() - 0.5);
    await Promise.all(positions.map((at) => sink.write(at, bytes.subarray(at, at + 1000))));
    expect(Buffer.from(await sink.read(3000, 20_000)).equals(bytes.subarray(3000, 23_000))).toBe(true);
    await sink.commit();
    await assertWhole(bytes, 4096);
  });

  test("has no name before all of it is whole and synced", async () => {
    const bytes = randomBytes(2500);
    const atSync: (readonly string[])[] = [];
    const sync = handles.sync;
    vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
      atSync.push(await names());
      return sync.call(this);
    });
    await write(bytes, 1000);
    const final = (list: readonly string[]) =>
      list.filter((name) => !name.endsWith(".partial") && !name.includes("journal"));
    const firstNamed = atSync.findIndex((list) => final(list).length > 0);
    // Three parts, the sums, the record, and the folder that they are in.
    expect(firstNamed).toBe(6);
    expect(final(atSync[firstNamed]!)).toEqual(["bundle.tar.001"]);
    expect(final(atSync.at(-1)!)).toContain("bundle.tar.volumes.json");
    await assertWhole(bytes, 1000);
  });

  test("is written on FAT without a byte of zeros before it, and not read again for its sums", async () => {
    const bytes = randomBytes(3000);
    const truncate = vi.spyOn(handles, "truncate");
    await using sink = await createSink(1000, FAT);
    expect(sink.order).toBe("in-order");
    await sink.begin(digestOf(bytes));
    await sink.allocate(bytes.length);
    expect(truncate).not.toHaveBeenCalled();
    await sink.write(0, bytes.subarray(0, 1500));
    expect((await names()).filter((name) => name.endsWith(".partial"))).toEqual([
      "bundle.tar.001.partial",
      "bundle.tar.002.partial",
    ]);
    await sink.write(1500, bytes.subarray(1500));
    const read: number[] = [];
    await sink.commit({ onRead: (length) => read.push(length) });
    expect(read).toEqual([]);
    await assertWhole(bytes, 1000);
  });

  test("whose bytes were written twice has the sums of the last ones", async () => {
    const bytes = randomBytes(3000);
    await using sink = await createSink(1000, FAT);
    await sink.begin(digestOf(bytes));
    await sink.write(0, randomBytes(1500));
    await sink.write(0, bytes);
    await sink.commit();
    await assertWhole(bytes, 1000);
  });

  test("that ends early leaves nothing behind, or what can be gone on with", async () => {
    {
      await using sink = await createSink(1000);
      await sink.begin(SET);
      await sink.allocate(5000);
      await sink.write(0, randomBytes(5000));
    }
    expect(await names()).toEqual([]);
  });

  test("goes on with the parts of an interrupted run", async () => {
    const bytes = randomBytes(300_000);
    const digest = digestOf(bytes);
    const blob = { digest: SET, position: 0, size: 200_000, length: 150_000 };
    for (const fileSystem of [ANY_FILE_SYSTEM, FAT]) {
      {
        await using sink = await createSink(100_096, fileSystem);
        await sink.begin(digest);
        await sink.allocate(bytes.length);
        await sink.write(0, bytes.subarray(0, 150_000));
        sink.note(blob);
      }
      expect(await names()).toContain("bundle.tar.002.partial");
      await using sink = await createSink(100_096, fileSystem);
      const [leftover] = sink.leftovers;
      expect(leftover?.blobs.get(SET)).toEqual(blob);
      await sink.begin(digest);
      expect(Buffer.from(await sink.read(0, 150_000)).equals(bytes.subarray(0, 150_000))).toBe(true);
      await sink.allocate(bytes.length);
      await sink.write(150_000, bytes.subarray(150_000));
      await sink.commit();
      await assertWhole(bytes, 100_096);
    }
  });

  test("does not go on with parts of another size, and leaves none of them", async () => {
    const bytes = randomBytes(300_000);
    {
      await using sink = await createSink(100_096);
      await sink.begin(digestOf(bytes));
      await sink.allocate(bytes.length);
      sink.note({ digest: SET, position: 0, size: 200_000, length: 150_000 });
    }
    await using sink = await createSink(200_192);
    expect(sink.leftovers).toEqual([]);
    await sink.begin(digestOf(bytes));
    await sink.allocate(bytes.length);
    await sink.write(0, bytes);
    await sink.commit();
    await assertWhole(bytes, 200_192);
  });
});

describe("a set of volumes that is replaced", () => {
  test.each([
    ["longer", 9000, 2500],
    ["shorter", 2500, 9000],
    ["as long", 5000, 5000],
  ])("leaves no part when it was %s", async (_what, before, after) => {
    await write(randomBytes(before), 1000);
    const bytes = randomBytes(after);
    await write(bytes, 1000);
    await assertWhole(bytes, 1000);
  });

  test("is there as it was until the new one is whole", async () => {
    const old = randomBytes(3500);
    await write(old, 1000);
    {
      await using sink = await createSink(2000);
      await sink.begin(SET);
      await sink.allocate(9000);
      await sink.write(0, randomBytes(9000));
    }
    await assertWhole(old, 1000);
  });

  test("may lack parts that were carried away", async () => {
    await write(randomBytes(5000), 1000);
    await rename(`${path}.002`, folder.file("carried"));
    await rm(`${path}.SHA256SUMS`);
    expect((await findReplacedVolumes(path)).isWhole).toBe(false);
    await write(randomBytes(1500), 1000);
    expect(await names()).toEqual([
      "bundle.tar.001",
      "bundle.tar.002",
      "bundle.tar.SHA256SUMS",
      "bundle.tar.volumes.json",
      "carried",
    ]);
  });

  test("can be read, to take over what has not changed", async () => {
    const bytes = randomBytes(3500);
    await write(bytes, 1000);
    await using place = await BundlePlace.open(path, 2000);
    expect(place.replaced?.size).toBe(3500);
  });

  /** Copies the folder at every moment at which something has become durable. */
  async function states(run: () => Promise<void>): Promise<string[]> {
    const copies: string[] = [];
    const sync = handles.sync;
    vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
      const copy = `${folder.path}-${copies.length}`;
      copies.push(copy);
      await cp(folder.path, copy, { recursive: true });
      return sync.call(this);
    });
    await run();
    vi.restoreAllMocks();
    return copies;
  }

  test.each([
    ["longer", 4500, 2500],
    ["shorter", 2500, 4500],
  ])("is never lost, nor taken for the new one, wherever a run is killed: it was %s", async (_what, before, after) => {
    const old = randomBytes(before);
    const bytes = randomBytes(after);
    await write(old, 1000);
    const copies = await states(() => write(bytes, 1000));
    const outcomes: string[] = [];
    try {
      for (const copy of copies) {
        await finishRenames(`${copy}/bundle.tar`);
        // What is left now is one of the two, as a whole, but for parts that have no name yet.
        const left = (await readdir(copy)).filter((name) => /\.(partial|journal)$/.test(name));
        for (const name of left) await rm(`${copy}/${name}`);
        const isNew = left.length === 0 || (await readFile(`${copy}/bundle.tar.001`)).equals(bytes.subarray(0, 1000));
        await assertWhole(isNew ? bytes : old, 1000, copy);
        outcomes.push(isNew ? "new" : "old");
      }
    } finally {
      for (const copy of copies) await rm(copy, { recursive: true });
    }
    // Once it is the new one, it stays so.
    expect(outcomes.join(" ")).toMatch(/^(old )+(new ?)+$/);
    expect(outcomes.filter((outcome) => outcome === "new").length).toBeGreaterThan(4);
  });

  test("of which a killed run has renamed half fails its own sums, and is not taken for whole", async () => {
    const old = randomBytes(2500);
    const bytes = randomBytes(2500);
    await write(old, 1000);
    const copies = await states(() => write(bytes, 1000));
    try {
      for (const copy of copies) {
        const parts = await Promise.all([1, 2, 3].map((part) => readFile(`${copy}/bundle.tar.00${part}`)));
        const sums = await readFile(`${copy}/bundle.tar.SHA256SUMS`, "utf8");
        const agrees = parts.every((part) => sums.includes(createHash("sha256").update(part).digest("hex")));
        const cat = Buffer.concat(parts);
        expect(agrees).toBe(
          cat.equals(sums.includes(createHash("sha256").update(old.subarray(0, 1000)).digest("hex")) ? old : bytes),
        );
      }
    } finally {
      for (const copy of copies) await rm(copy, { recursive: true });
    }
  });

  test("is gone on with when giving names fails half way", async () => {
    const old = randomBytes(4500);
    const bytes = randomBytes(2500);
    await write(old, 1000);
    const sync = handles.sync;
    let folders = 0;
    vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
      if ((await this.stat()).isDirectory() && ++folders === 3) {
        throw Object.assign(new Error("EIO"), { code: "EIO", syscall: "fsync" });
      }
      return sync.call(this);
    });
    expect((await failureOf(() => write(bytes, 1000))).code).toBe("MEDIUM_FAILED");
    vi.restoreAllMocks();
    expect(await names()).toContain("bundle.tar.003.partial");
    await finishRenames(path);
    for (const name of await names()) if (name.endsWith(".journal")) await rm(folder.file(name));
    await assertWhole(bytes, 1000);
  });
});

describe("what is in the way of volumes", () => {
  const refused = async (partSize = 1000) => {
    const failure = await failureOf(() => createSink(partSize));
    expect(failure.exitCode).toBe(2);
    return failure;
  };

  test.each(["bundle.tar.001", "bundle.tar.002", "bundle.tar.007", "bundle.tar.1000"])(
    "a file %s that no volumes file describes is refused, and stays",
    async (name) => {
      await writeFile(folder.file(name), "precious");
      const failure = await refused();
      expect(failure.code).toBe("FILE_EXISTS");
      expect(failure.message).toContain(name);
      expect(await readFile(folder.file(name), "utf8")).toBe("precious");
    },
  );

  test("a stale part of an older, longer set is refused by name", async () => {
    await write(randomBytes(5000), 1000);
    const stale = await readFile(`${path}.005`);
    await rm(`${path}.005`);
    await write(randomBytes(2000), 1000);
    await writeFile(`${path}.005`, stale);
    const failure = await refused();
    expect(failure.code).toBe("FILE_EXISTS");
    expect(failure.message).toContain('bundle.tar.005"');
    expect(await names()).toContain("bundle.tar.005");
  });

  test.each([
    ["another size", (bytes: Buffer) => bytes.subarray(1)],
    ["another beginning", (bytes: Buffer) => Buffer.concat([Buffer.from("x"), bytes.subarray(1)])],
    ["another end", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from("x")])],
  ])("a part that has %s than the volumes file says is somebody's", async (_what, change) => {
    await write(randomBytes(2500), 1000);
    await writeFile(`${path}.002`, change(await readFile(`${path}.002`)));
    expect((await refused()).code).toBe("FILE_EXISTS");
  });

  test.each(["bundle.tar.002", "bundle.tar.volumes.json", "bundle.tar.SHA256SUMS"])(
    "a symbolic link %s is refused, and not followed",
    async (name) => {
      await write(randomBytes(2500), 1000);
      await rename(folder.file(name), folder.file("elsewhere"));
      await symlink("elsewhere", folder.file(name));
      const failure = await refused();
      expect(failure.code).toBe("FILE_EXISTS");
      expect(failure.message).toContain("symbolic link");
      expect((await lstat(folder.file(name))).isSymbolicLink()).toBe(true);
    },
  );

  test.each(["bundle.tar.002", "bundle.tar.volumes.json", "bundle.tar.SHA256SUMS", "bundle.tar.003.partial"])(
    "a folder %s is refused, and stays",
    async (name) => {
      await mkdir(folder.file(name));
      await writeFile(folder.file(`${name}/precious`), "");
      const failure = await failureOf(() => write(randomBytes(2500), 1000));
      expect(["FILE_EXISTS", "CONFIG_INVALID"]).toContain(failure.code);
      expect(failure.message).toContain(name);
      expect(await readdir(folder.file(name))).toEqual(["precious"]);
    },
  );

  test.each([
    ["bundle.tar.volumes.json", "{}"],
    ["bundle.tar.volumes.json", "x".repeat(3 * 1024 * 1024)],
    ["bundle.tar.SHA256SUMS", "my own sums"],
  ])("a file %s that no export wrote is refused, and stays", async (name, text) => {
    await writeFile(folder.file(name), text);
    expect((await refused()).code).toBe("FILE_EXISTS");
    expect(await readFile(folder.file(name), "utf8")).toBe(text);
  });

  test("sums that somebody has added to are his", async () => {
    await write(randomBytes(2500), 1000);
    const sums = await readFile(`${path}.SHA256SUMS`, "utf8");
    await writeFile(`${path}.SHA256SUMS`, `${sums}mine\n`);
    expect((await refused()).code).toBe("FILE_EXISTS");
  });

  test.each([".002", ".004", ".volumes.json"])("what appears under %s while the export runs stays", async (suffix) => {
    await write(randomBytes(4500), 1000);
    const bytes = randomBytes(2500);
    await using sink = await createSink(1000);
    await sink.begin(SET);
    await sink.allocate(bytes.length);
    await sink.write(0, bytes);
    await rm(`${path}${suffix}`);
    await writeFile(`${path}${suffix}`, "precious");
    const failure = await failureOf(() => sink.commit());
    expect(failure.code).toBe("FILE_EXISTS");
    expect(await readFile(`${path}${suffix}`, "utf8")).toBe("precious");
  });

  test("a link in the place of a part that is being written is not followed", async () => {
    await writeFile(folder.file("precious"), "precious");
    await symlink("precious", `${path}.002.partial`);
    const bytes = randomBytes(2500);
    await write(bytes, 1000);
    expect(await readFile(folder.file("precious"), "utf8")).toBe("precious");
    await rm(folder.file("precious"));
    await assertWhole(bytes, 1000);
  });

  test("a record of parts that are not there is not followed", async () => {
    const bytes = randomBytes(2500);
    await write(bytes, 1000);
    await rename(`${path}.volumes.json`, `${path}.volumes.json.partial`);
    await rm(`${path}.002`);
    await finishRenames(path);
    expect(await names()).toEqual([
      "bundle.tar.001",
      "bundle.tar.003",
      "bundle.tar.SHA256SUMS",
      "bundle.tar.volumes.json.partial",
    ]);
  });

  test("a record of a killed run gives no name over a file that is somebody's", async () => {
    const bytes = randomBytes(2500);
    await write(bytes, 1000);
    await rename(`${path}.volumes.json`, `${path}.volumes.json.partial`);
    await rename(`${path}.002`, `${path}.002.partial`);
    await writeFile(`${path}.002`, "precious");
    expect((await failureOf(() => finishRenames(path))).code).toBe("FILE_EXISTS");
    expect(await readFile(`${path}.002`, "utf8")).toBe("precious");
    expect(await names()).toContain("bundle.tar.002.partial");
  });
});

describe("volumes that do not fit", () => {
  test("are refused if there would be more than a thousand", async () => {
    await using sink = await createSink(1000);
    const failure = await failureOf(() => sink.allocate(999_001));
    expect(failure.code).toBe("USAGE");
    expect(failure.message).toContain("at most 999 parts");
    expect(failure.hint).toContain("--volume-size");
  });

  test("are refused if a part is too large for FAT, and the bundle is not small", async () => {
    await using sink = await createSink(8e9, FAT);
    const failure = await failureOf(() => sink.allocate(5e9));
    expect(failure.code).toBe("FILE_TOO_LARGE");
    expect(failure.hint).toContain("--volume-size fat32");
    await sink.allocate(1000);
  });

  test("are refused before anything is written if the medium has not enough room", async () => {
    await using sink = await createSink(1e15, ANY_FILE_SYSTEM);
    expect((await failureOf(() => sink.allocate(Number.MAX_SAFE_INTEGER))).code).toBe("NO_SPACE");
  });

  const MIB = 2 ** 20;
  const createIn = async (free: FreeRoom, partSize = 10 * MIB) =>
    await createVolumeSink({
      path,
      partSize,
      replaced: await findReplacedVolumes(path),
      fileSystem: ANY_FILE_SYSTEM,
      ask: () => Promise.resolve(free),
    });

  test("are refused before anything is written where whole blocks do not suffice", async () => {
    const free = { bsize: MIB, files: 0, ffree: 0 };
    // Each part takes eleven blocks; what lies beside the parts takes one each.
    const size = 5 * (10 * MIB + 1);
    {
      await using sink = await createIn({ ...free, bavail: 5 * 11 + 3 }, 10 * MIB + 1);
      expect((await failureOf(() => sink.allocate(size))).code).toBe("NO_SPACE");
    }
    await using sink = await createIn({ ...free, bavail: 5 * 11 + 4 }, 10 * MIB + 1);
    await sink.allocate(size);
  });

  test("are refused before anything is written where the sums would not fit any more", async () => {
    const blocks = (bytes: number) => Math.ceil(bytes / 4096);
    const free = { bavail: 4 * blocks(1e6) + 2, bsize: 4096, files: 0, ffree: 0 };
    await using sink = await createIn(free, 1e6);
    expect((await failureOf(() => sink.allocate(4e6))).code).toBe("NO_SPACE");
  });

  test("are refused before anything is written where the file system takes too few more files", async () => {
    const free = { bavail: 1e6, bsize: 4096, files: 100, ffree: 5 };
    {
      // The first part is there already; three more, the volumes file and the sums are not.
      await using sink = await createIn(free, 1000);
      await sink.allocate(4000);
    }
    await using sink = await createIn({ ...free, ffree: 4 }, 1000);
    const failure = await failureOf(() => sink.allocate(4000));
    expect(failure.code).toBe("NO_SPACE");
    expect(failure.message).toContain("5 more files");
  });

  test("are not counted where the file system does not count files", async () => {
    await using sink = await createIn({ bavail: 1e6, bsize: 4096, files: 0, ffree: 0 }, 1000);
    await sink.allocate(4000);
  });

  test.each(["write", "sync", "truncate"] as const)("leave nothing where the medium is full on %s", async (call) => {
    const old = randomBytes(3500);
    await write(old, 1000);
    const original = handles[call] as (...args: unknown[]) => Promise<unknown>;
    let calls = 0;
    vi.spyOn(handles, call).mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      if (++calls === 4) return Promise.reject(Object.assign(new Error(), { code: "ENOSPC", syscall: call }));
      return original.apply(this, args) as never;
    });
    expect((await failureOf(() => write(randomBytes(4500), 1000))).code).toBe("NO_SPACE");
    vi.restoreAllMocks();
    await assertWhole(old, 1000);
  });

  test("lose nothing where there is no room for the sums", async () => {
    const old = randomBytes(3500);
    await write(old, 1000);
    const original = handles.write as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(handles, "write").mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      const isSums = Buffer.from(args[0] as Uint8Array).includes("bundle.tar.volumes.json");
      if (isSums) return Promise.reject(Object.assign(new Error(), { code: "ENOSPC", syscall: "write" }));
      return original.apply(this, args) as never;
    });
    expect((await failureOf(() => write(randomBytes(2500), 1000))).code).toBe("NO_SPACE");
    vi.restoreAllMocks();
    await assertWhole(old, 1000);
  });
});
