import { type FileHandle, lstat, mkdir, open, readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FileSink, stampOfReplaced } from "../../../src/bundle/index.js";
import { failureOf } from "../../support/errors.js";
import { TempFolder } from "../../support/temp-folder.js";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: from the system`), { code, syscall: "write" });
}

// Room for it is on no medium.
const PETABYTES = Number.MAX_SAFE_INTEGER;

const WRITEBACK_STEP = 64 * 1024 * 1024;

async function createSink(path: string): Promise<FileSink> {
  return await FileSink.create(path, await stampOfReplaced(path));
}

describe("a file sink", () => {
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

  test("gives a file its name only once it is committed", async () => {
    const sink = await createSink(path);
    await sink.allocate(10);
    await sink.write(5, Buffer.from("world"));
    await sink.write(0, Buffer.from("hello"));
    expect(await names()).toEqual(["bundle.tar.partial"]);

    await sink.commit();
    expect(await names()).toEqual(["bundle.tar"]);
    await sink[Symbol.asyncDispose]();
    expect(await readFile(path, "utf8")).toBe("helloworld");
  });

  test("is synced before it gets its name, and its folder after", async () => {
    const calls: string[] = [];
    const sync = handles.sync;
    vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
      calls.push((await names()).join());
      return sync.call(this);
    });
    await using sink = await createSink(path);
    await sink.write(0, Buffer.from("x"));
    await sink.commit();
    expect(calls).toEqual(["bundle.tar.partial", "bundle.tar"]);
  });

  test("that is disposed of leaves nothing behind, however often", async () => {
    const sink = await createSink(path);
    await sink.allocate(10);
    await sink.write(0, Buffer.from("half"));
    await sink[Symbol.asyncDispose]();
    expect(await names()).toEqual([]);
    await sink[Symbol.asyncDispose]();
    expect(await names()).toEqual([]);
  });

  test("has zeros where nothing was written, and the size that was allocated", async () => {
    await using sink = await createSink(path);
    await sink.allocate(8);
    await sink.write(2, Buffer.from("ab"));
    await sink.commit();
    expect(await readFile(path, "latin1")).toBe("\0\0ab\0\0\0\0");
  });

  test("takes writes in parallel, and those of which the system takes a part only", async () => {
    const write = handles.write as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(handles, "write").mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      const [bytes, offset, length, position] = args as [Uint8Array, number, number, number];
      return write.call(this, bytes, offset, Math.ceil(length / 3), position) as never;
    });
    const parts = Array.from({ length: 20 }, (_, at) => Buffer.alloc(100, at));
    await using sink = await createSink(path);
    await Promise.all(parts.map((part, at) => sink.write(at * 100, part)));
    await sink.commit();
    expect(await readFile(path)).toEqual(Buffer.concat(parts));
  });

  test("replaces a file that has the name, in one step", async () => {
    await writeFile(path, "the bundle before");
    {
      await using sink = await createSink(path);
      await sink.write(0, Buffer.from("new"));
      expect(await readFile(path, "utf8")).toBe("the bundle before");
    }
    expect(await readFile(path, "utf8")).toBe("the bundle before");

    await using sink = await createSink(path);
    await sink.write(0, Buffer.from("new"));
    await sink.commit();
    expect(await readFile(path, "utf8")).toBe("new");
    expect(await names()).toEqual(["bundle.tar"]);
  });

  test.each([
    ["to a file", "elsewhere"],
    ["to nothing", "nowhere"],
    ["to itself", "bundle.tar"],
  ])("is refused where a link %s has the name, which is what its user would write through", async (_where, target) => {
    await writeFile(folder.file("elsewhere"), "precious");
    await symlink(target, path);
    const error = await failureOf(() => createSink(path));
    expect(error.code).toBe("FILE_EXISTS");
    expect(error.message).toBe(`expected ${JSON.stringify(path)} to be a file or nothing, got a symbolic link`);
    expect(await readlink(path)).toBe(target);
    expect(await readFile(folder.file("elsewhere"), "utf8")).toBe("precious");
    expect(await names()).toEqual(["bundle.tar", "elsewhere"]);
  });

  test("does not replace a link that somebody put there meanwhile", async () => {
    await using sink = await createSink(path);
    await symlink("nowhere", path);
    expect((await failureOf(() => sink.commit())).code).toBe("FILE_EXISTS");
    expect(await readlink(path)).toBe("nowhere");
  });

  test("replaces what an earlier run left", async () => {
    await writeFile(`${path}.partial`, "a long leftover of an earlier run");
    await using sink = await createSink(path);
    await sink.write(0, Buffer.from("new"));
    await sink.commit();
    expect(await readFile(path, "utf8")).toBe("new");
  });

  test("does not follow a link that lies where it writes", async () => {
    await writeFile(folder.file("elsewhere"), "precious");
    await symlink("elsewhere", `${path}.partial`);
    await using sink = await createSink(path);
    await sink.write(0, Buffer.from("new"));
    await sink.commit();
    expect(await readFile(folder.file("elsewhere"), "utf8")).toBe("precious");
    expect((await lstat(path)).isFile()).toBe(true);
    expect(await readFile(path, "utf8")).toBe("new");
  });

  test("is refused in a folder that is not there, and where a folder has the name", async () => {
    await using nowhere = await createSink(folder.file("none/bundle.tar"));
    expect((await failureOf(() => nowhere.allocate(0))).code).toBe("FILE_NOT_FOUND");
    await mkdir(path);
    await using sink = await createSink(path);
    expect((await failureOf(() => sink.commit())).code).toBe("CONFIG_INVALID");
    await sink[Symbol.asyncDispose]();
    expect(await names()).toEqual(["bundle.tar"]);
  });

  test("is refused before anything is written if the medium has not enough room", async () => {
    await using sink = await createSink(path);
    const error = await failureOf(() => sink.allocate(PETABYTES));
    expect(error.code).toBe("NO_SPACE");
    expect(error.exitCode).toBe(7);
    expect(error.message).toMatch(new RegExp(`^expected room for ${PETABYTES} bytes in ${folder.path}, got \\d+$`));
    expect(error.hint).toContain("--output");
    expect((await lstat(`${path}.partial`)).size).toBe(0);
  });

  test.each([
    ["truncate", "EFBIG", "FILE_TOO_LARGE"],
    ["truncate", "ENOSPC", "NO_SPACE"],
    ["write", "ENOSPC", "NO_SPACE"],
    ["write", "EDQUOT", "NO_SPACE"],
    ["write", "EIO", "MEDIUM_FAILED"],
    ["sync", "ENOSPC", "NO_SPACE"],
    ["sync", "EIO", "MEDIUM_FAILED"],
  ] as const)("whose medium fails to %s with %s fails with %s, and leaves nothing", async (call, errno, code) => {
    const sink = await createSink(path);
    vi.spyOn(handles, call).mockRejectedValueOnce(systemError(errno));
    const error = await failureOf(async () => {
      await sink.allocate(5);
      await sink.write(0, Buffer.from("hello"));
      await sink.commit();
    });
    expect(error.code).toBe(code);
    expect(error.message).toContain("bundle.tar");
    await sink[Symbol.asyncDispose]();
    expect(await names()).toEqual([]);
  });

  test.each(["EINVAL", "ENOTSUP"])("needs no folder that can be synced (%s)", async (errno) => {
    const sync = handles.sync;
    vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
      if ((await this.stat()).isDirectory()) throw systemError(errno);
      return sync.call(this);
    });
    await using sink = await createSink(path);
    await sink.commit();
    expect(await names()).toEqual(["bundle.tar"]);
  });
});

describe("a file sink that is given much", () => {
  let folder: TempFolder;
  let sink: FileSink;
  const flushes: { resolve: () => void; reject: (error: Error) => void }[] = [];
  beforeEach(async () => {
    folder = await TempFolder.create();
    const handle = await open(folder.path);
    const handles = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    flushes.length = 0;
    vi.spyOn(handles, "write").mockImplementation((bytes) =>
      Promise.resolve({ bytesWritten: bytes.length, buffer: bytes }),
    );
    vi.spyOn(handles, "datasync").mockImplementation(
      () => new Promise((resolve, reject) => flushes.push({ resolve, reject })),
    );
    sink = await createSink(folder.file("bundle.tar"));
  });
  afterEach(async () => {
    await sink[Symbol.asyncDispose]();
    vi.restoreAllMocks();
    await folder[Symbol.asyncDispose]();
  });

  const step = Buffer.alloc(WRITEBACK_STEP);

  test("has it handed to the medium on the way, one flush at a time", async () => {
    await sink.write(0, step.subarray(1));
    expect(flushes).toHaveLength(0);
    await sink.write(0, step.subarray(-1));
    expect(flushes).toHaveLength(1);
    await sink.write(0, step);
    expect(flushes).toHaveLength(1);
    flushes[0]?.resolve();
    await new Promise((done) => setImmediate(done));
    await sink.write(0, step);
    expect(flushes).toHaveLength(2);
    flushes[1]?.resolve();
    await sink.commit();
    expect(await readdir(folder.path)).toEqual(["bundle.tar"]);
  });

  test("does not lose the failure of a flush", async () => {
    await sink.write(0, step);
    flushes[0]?.reject(systemError("EIO"));
    await sink.write(0, step);
    expect((await failureOf(() => sink.commit())).code).toBe("MEDIUM_FAILED");
    await sink[Symbol.asyncDispose]();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("is disposed of only when its flush is over, well or not", async () => {
    await sink.write(0, step);
    const disposed = sink[Symbol.asyncDispose]();
    flushes[0]?.reject(systemError("EIO"));
    await disposed;
    expect(await readdir(folder.path)).toEqual([]);
  });
});
