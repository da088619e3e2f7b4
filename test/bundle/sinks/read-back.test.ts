import { randomBytes } from "node:crypto";
import { type FileHandle, symlink, truncate, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { nameRange, readBack, UncachedFile } from "../../../src/bundle/sinks/read-back.js";
import type { ReadBack, ReadBackOrigin } from "../../../src/ports/index.js";
import { failureOf } from "../../support/errors.js";
import { TempFolder } from "../../support/temp-folder.js";

const CHUNK = 4 * 1024 * 1024;

/** Keeps what it is given. */
class Collector implements ReadBack {
  origin: ReadBackOrigin | undefined;
  readonly pieces: (Buffer | number)[] = [];
  isFinished = false;

  begin(origin: ReadBackOrigin): void {
    this.origin = origin;
  }

  take(bytes: Uint8Array): void {
    this.pieces.push(Buffer.from(bytes));
  }

  lose(length: number): void {
    this.pieces.push(length);
  }

  finish(): void {
    this.isFinished = true;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces.map((piece) => (typeof piece === "number" ? Buffer.alloc(piece) : piece)));
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: from the system`), { code, syscall: "read" });
}

describe("what was written, read back", () => {
  let folder: TempFolder;
  let path: string;
  let handles: FileHandle;
  let collector: Collector;
  beforeEach(async () => {
    folder = await TempFolder.create();
    path = folder.file("bundle.tar.001.partial");
    collector = new Collector();
    handles = await folder.fileHandles();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await folder[Symbol.asyncDispose]();
  });

  async function written(name: string, bytes: Uint8Array) {
    await writeFile(folder.file(name), bytes, { flush: true });
    return { path: folder.file(name), size: bytes.length };
  }

  /** Has reads of one file fail, told by their position. */
  function failReads(fails: (position: number) => Error | undefined): void {
    const read = handles.read as (...args: unknown[]) => Promise<unknown>;
    vi.spyOn(handles, "read").mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      const error = fails(args[3] as number);
      return (error === undefined ? read.apply(this, args) : Promise.reject(error)) as never;
    });
  }

  test.each([1, 511, 512, 4095, 4096, 4097, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 4096, 3 * CHUNK + 1234])(
    "is the same with %i bytes",
    async (size) => {
      const bytes = randomBytes(size);
      const seen: number[] = [];
      await readBack([await written("a", bytes)], collector, { onRead: (length, total) => seen.push(length, total) });
      expect(collector.bytes.equals(bytes)).toBe(true);
      expect(collector.isFinished).toBe(true);
      expect(seen.filter((_, at) => at % 2 === 0).reduce((sum, length) => sum + length, 0)).toBe(size);
    },
  );

  test("is the same in several files, one after the other", async () => {
    const parts = [randomBytes(CHUNK + 512), randomBytes(4096), randomBytes(100)];
    const files = await Promise.all(parts.map((bytes, at) => written(`part${at}`, bytes)));
    const lengths = [0, 0, 0];
    await readBack(files, collector, {}, (at, bytes) => {
      lengths[at]! += bytes.length;
    });
    expect(collector.bytes.equals(Buffer.concat(parts))).toBe(true);
    expect(lengths).toEqual(parts.map(({ length }) => length));
  });

  test("is read all the same where there are no direct reads, and says so", async () => {
    const bytes = randomBytes(CHUNK + 3);
    const file = await written("a", bytes);
    let isFirst = true;
    failReads(() => {
      const error = isFirst ? systemError("EINVAL") : undefined;
      isFirst = false;
      return error;
    });
    await readBack([file], collector, {});
    expect(collector.origin?.isMedium).toBe(false);
    expect(collector.bytes.equals(bytes)).toBe(true);
  });

  test("goes on behind a spot that the medium does not give", async () => {
    const bytes = randomBytes(3 * CHUNK);
    const file = await written("a", bytes);
    failReads((position) => (position === CHUNK ? systemError("EIO") : undefined));
    await readBack([file], collector, {});
    expect(collector.pieces.map((piece) => (typeof piece === "number" ? piece : piece.length))).toEqual([
      CHUNK,
      CHUNK,
      CHUNK,
    ]);
    expect(collector.pieces[1]).toBe(CHUNK);
    expect(collector.isFinished).toBe(true);
  });

  test("of a first spot that the medium does not give is not taken for a lack of direct reads", async () => {
    const file = await written("a", randomBytes(2 * CHUNK));
    failReads((position) => (position === 0 ? systemError("EIO") : undefined));
    await readBack([file], collector, {});
    expect(collector.pieces[0]).toBe(CHUNK);
  });

  test("ends where the medium gives nothing any more", async () => {
    await writeFile(path, "");
    await truncate(path, 40 * CHUNK);
    failReads((position) => (position >= CHUNK ? systemError("EIO") : undefined));
    const failure = await failureOf(() => readBack([{ path, size: 40 * CHUNK }], collector, {}));
    expect(failure.code).toBe("MEDIUM_FAILED");
    expect(collector.pieces.length).toBeLessThan(10);
    expect(collector.isFinished).toBe(false);
  });

  test("is refused where the medium is gone", async () => {
    const file = await written("a", randomBytes(2 * CHUNK));
    failReads((position) => (position === CHUNK ? systemError("ENODEV") : undefined));
    expect((await failureOf(() => readBack([file], collector, {}))).code).toBe("MEDIUM_FAILED");
  });

  test("is refused where the file has become shorter", async () => {
    const file = await written("a", randomBytes(CHUNK + 10_000));
    await truncate(file.path, CHUNK + 5000);
    const failure = await failureOf(() => readBack([file], collector, {}));
    expect(failure.code).toBe("MEDIUM_FAILED");
    expect(failure.message).toContain(`${CHUNK + 10_000} bytes`);
  });

  test("is not read through a link that somebody put in its place", async () => {
    const file = await written("a", randomBytes(10));
    await symlink("a", folder.file("link"));
    const failure = await failureOf(() => UncachedFile.open(folder.file("link")));
    expect(failure.code).toBe("MEDIUM_FAILED");
    expect((await failureOf(() => readBack([{ ...file, path: folder.file("gone") }], collector, {}))).code).toBe(
      "FILE_NOT_FOUND",
    );
  });

  test("ends at once when somebody asks for it", async () => {
    const stop = new AbortController();
    const file = await written("a", randomBytes(4 * CHUNK));
    const reason = new Error("stopped");
    const onRead = () => {
      stop.abort(reason);
    };
    await expect(readBack([file], collector, { signal: stop.signal, onRead })).rejects.toBe(reason);
    expect(collector.pieces).toHaveLength(1);
  });
});

test("a range is named by the files that it lies in", () => {
  const files = [
    { path: "/m/b.001", size: 100 },
    { path: "/m/b.002", size: 100 },
    { path: "/m/b.003", size: 50 },
  ];
  expect(nameRange(files, 0, 10)).toBe('bytes 0 to 9 of "/m/b.001"');
  expect(nameRange(files, 100, 100)).toBe('bytes 0 to 99 of "/m/b.002"');
  expect(nameRange(files, 90, 120)).toBe(
    'bytes 90 to 99 of "/m/b.001" and bytes 0 to 99 of "/m/b.002" and bytes 0 to 9 of "/m/b.003"',
  );
});
