import { constants, type FileHandle, open, rename, rm, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { quote, SealiftError } from "../../errors/index.js";
import { errnoOf, mediumError } from "../../io/index.js";
import type { CommitOp } from "../../ports/index.js";
import type { PartialBundle } from "./partial-bundle.js";
import { readBack } from "./read-back.js";
import { lstatOf, type Stamp, sameStamp } from "./stamp.js";
import { openFolder, syncFolder } from "./sync-folder.js";

// Dirty pages are handed to the medium each time this many bytes have piled up,
// so that the final sync finds little left to do.
const WRITEBACK_STEP = 64 * 1024 * 1024;

// What stat(2) counts blocks in, whatever the file system does.
const STAT_BLOCK_SIZE = 512;

/**
 * A file that is called `NAME.partial` until it is whole. Whoever makes one
 * holds the lock on what is written, so a `.partial` that lies there is a
 * leftover of a run that has ended.
 *
 * All methods fail with `NO_SPACE`, `FILE_TOO_LARGE`, `MEDIUM_FAILED`,
 * `FILE_NOT_FOUND` or `CONFIG_INVALID`, as the medium does.
 */
export class PartialFile implements PartialBundle {
  /** What it is to be called. */
  readonly path: string;
  onDurable: (() => void) | undefined;
  readonly #handle: FileHandle;
  readonly #replaced: Stamp | undefined;
  #partialPath: string;
  #sinceWriteback = 0;
  #writeback: Promise<void> | undefined;
  #isClosed = false;

  private constructor(path: string, partialPath: string, handle: FileHandle, replaced: Stamp | undefined) {
    this.path = path;
    this.#partialPath = partialPath;
    this.#handle = handle;
    this.#replaced = replaced;
  }

  /**
   * Begins an empty file, in the place of a leftover if there is one.
   *
   * @param replaced - What `stampOfReplaced` gave when `path` was found fit to
   * be replaced; if it is something else in the end, it stays.
   */
  static async begin(path: string, replaced: Stamp | undefined): Promise<PartialFile> {
    const partialPath = partialPathOf(path);
    try {
      await rm(partialPath, { force: true });
      // O_EXCL: a link that somebody puts there in between is not followed.
      const handle = await open(partialPath, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o666);
      return new PartialFile(path, partialPath, handle, replaced);
    } catch (error) {
      throw mediumError(error, "create", partialPath);
    }
  }

  /**
   * Finds a leftover again, with all that is in it; undefined if there is none
   * that may be written to.
   *
   * @param partialPath - Where it lies; {@link asidePathOf} for one that was set aside.
   */
  static async find(
    path: string,
    replaced: Stamp | undefined,
    partialPath = partialPathOf(path),
  ): Promise<PartialFile | undefined> {
    let handle: FileHandle | undefined;
    try {
      // A link is not followed, and a pipe without a reader not waited for.
      handle = await open(partialPath, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const stats = await handle.stat();
      // What has a second name is somebody's file.
      if (stats.isFile() && stats.nlink === 1) return new PartialFile(path, partialPath, handle, replaced);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
    await handle?.close();
    return undefined;
  }

  /** What it is called now. */
  get partialPath(): string {
    return this.#partialPath;
  }

  /** For threads, which read with it while this file is open. */
  get fd(): number {
    return this.#handle.fd;
  }

  async setAside(): Promise<void> {
    const aside = asidePathOf(this.path);
    await this.#attempt("rename", () => rename(this.#partialPath, aside));
    this.#partialPath = aside;
  }

  async size(): Promise<number> {
    return await this.#attempt("read", async () => (await this.#handle.stat()).size);
  }

  async room(): Promise<number> {
    return await this.#attempt("measure the room for", async () => {
      const { bavail, bsize } = await statfs(this.#partialPath);
      return bavail * bsize + (await this.occupied());
    });
  }

  /** How much room it takes, in bytes: less than its size where it has holes. */
  async occupied(): Promise<number> {
    // Where blocks are not counted (Windows), what it has already is not, either.
    return await this.#attempt("read", async () => ((await this.#handle.stat()).blocks || 0) * STAT_BLOCK_SIZE);
  }

  async resize(size: number): Promise<void> {
    await this.#attempt(`make room for ${size} bytes in`, () => this.#handle.truncate(size));
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    try {
      let written = 0;
      while (written < bytes.length) {
        const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written, position + written);
        written += bytesWritten;
      }
    } catch (error) {
      throw mediumError(error, "write", this.#partialPath);
    }
    this.#sinceWriteback += bytes.length;
    if (this.#sinceWriteback >= WRITEBACK_STEP) this.#startWriteback();
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafeSlow(length);
    let read = 0;
    while (read < length) {
      const { bytesRead } = await this.#attempt("read", () =>
        this.#handle.read(bytes, read, length - read, position + read),
      );
      if (bytesRead === 0) {
        const name = quote(this.#partialPath);
        throw new SealiftError("BUNDLE_INVALID", `expected ${name} to have at least ${position + length} bytes`);
      }
      read += bytesRead;
    }
    return bytes;
  }

  async sync(): Promise<void> {
    await this.#attempt("finish", async () => {
      await this.#writeback;
      await this.#handle.sync();
    });
  }

  async seal(_indexDigest: unknown, op: CommitOp): Promise<void> {
    if (op.check !== undefined) await readBack([{ path: this.#partialPath, size: await this.size() }], op.check, op);
  }

  async rename(): Promise<boolean> {
    return await this.#attempt("finish", async () => {
      await using folder = await openFolder(dirname(this.path));
      await this.#assertUndisturbed();
      await rename(this.#partialPath, this.path);
      await this.#close();
      return await syncFolder(folder);
    });
  }

  async keep(): Promise<void> {
    if (this.#isClosed) return;
    // What has not reached the medium may still be in memory, and be taken for good by the next run.
    const failed = (await this.#writeback?.catch(() => "failed")) === "failed";
    if (failed) await this.discard();
    else await this.#close().catch(() => undefined);
  }

  async discard(): Promise<void> {
    if (this.#isClosed) return;
    await this.#writeback?.catch(() => undefined);
    if (await this.#isOurs().catch(() => false)) await rm(this.#partialPath, { force: true }).catch(() => undefined);
    await this.#close().catch(() => undefined);
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    await this.#handle.close();
  }

  /** Whether the `.partial` that lies there is the file that was written here. */
  async #isOurs(): Promise<boolean> {
    const [there, ours] = await Promise.all([lstatOf(this.#partialPath), this.#handle.stat()]);
    return there?.dev === ours.dev && there.ino === ours.ino;
  }

  async #assertUndisturbed(): Promise<void> {
    if (!(await this.#isOurs())) {
      throw new SealiftError(
        "LOCKED",
        `expected nobody else to write ${quote(this.path)}, but another run took its place`,
        {
          hint: "let one run at a time write this bundle, and start over",
        },
      );
    }
    if (sameStamp(await lstatOf(this.path), this.#replaced)) return;
    throw new SealiftError(
      "FILE_EXISTS",
      `expected to find ${quote(this.path)} as it was, but somebody changed it meanwhile`,
      {
        hint: "see what is there now, and start over",
      },
    );
  }

  #startWriteback(): void {
    if (this.#writeback !== undefined) return;
    this.#sinceWriteback = 0;
    const writeback = this.#handle.datasync();
    // A failure shows again in the final sync's own error, or here when sync awaits it.
    writeback.then(
      () => {
        this.#writeback = undefined;
        this.onDurable?.();
      },
      () => undefined,
    );
    this.#writeback = writeback;
  }

  async #attempt<T>(doing: string, attempt: () => Promise<T>): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      throw mediumError(error, doing, doing === "finish" ? this.path : this.#partialPath);
    }
  }
}

/** What a file is called until it is whole. */
export function partialPathOf(path: string): string {
  return `${path}.partial`;
}

/** What a leftover is called that another one was begun beside. */
export function asidePathOf(path: string): string {
  return `${partialPathOf(path)}.old`;
}
