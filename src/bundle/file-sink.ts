import type { Stats } from "node:fs";
import { constants, type FileHandle, lstat, open, rename, rm, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { quote, SealiftError } from "../errors/index.js";
import { errnoOf, mediumError } from "../io/index.js";
import type { RandomAccessSink } from "../ports/index.js";

// Dirty pages are handed to the medium each time this many bytes have piled up,
// so that the final sync finds little left to do.
const WRITEBACK_STEP = 64 * 1024 * 1024;

/**
 * A file that has its final name only once it is whole: it is written to
 * `NAME.partial`, synced, and renamed.
 */
export class FileSink implements RandomAccessSink {
  readonly #path: string;
  readonly #partialPath: string;
  readonly #handle: FileHandle;
  readonly #replaced: Stamp | undefined;
  #sinceWriteback = 0;
  #writeback: Promise<void> | undefined;
  #committed = false;

  private constructor(path: string, partialPath: string, handle: FileHandle, replaced: Stamp | undefined) {
    this.#path = path;
    this.#replaced = replaced;
    this.#partialPath = partialPath;
    this.#handle = handle;
  }

  /**
   * Begins the file. Whoever calls holds the lock on `path`, so a `.partial`
   * that lies there is a leftover and is removed.
   *
   * @param replaced - What {@link stampOfReplaced} gave when `path` was found fit to
   * be replaced; if it is something else in the end, it stays.
   * @throws SealiftError `FILE_NOT_FOUND`, `CONFIG_INVALID`, `NO_SPACE`, `MEDIUM_FAILED`.
   */
  static async create(path: string, replaced: Stamp | undefined): Promise<FileSink> {
    const partialPath = `${path}.partial`;
    try {
      await rm(partialPath, { force: true });
      // O_EXCL: a link that somebody puts there in between is not followed.
      const handle = await open(partialPath, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o666);
      return new FileSink(path, partialPath, handle, replaced);
    } catch (error) {
      throw mediumError(error, "create", partialPath);
    }
  }

  async allocate(size: number): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.#partialPath);
      const available = bavail * bsize;
      if (available < size) {
        throw new SealiftError(
          "NO_SPACE",
          `expected room for ${size} bytes in ${dirname(this.#path)}, got ${available}`,
          {
            hint: "free some room, or choose another medium with --output",
          },
        );
      }
      await this.#handle.truncate(size);
    } catch (error) {
      throw mediumError(error, `make room for ${size} bytes in`, this.#partialPath);
    }
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

  async commit(): Promise<void> {
    try {
      await this.#writeback;
      await this.#handle.sync();
      await using folder = await openFolder(dirname(this.#path));
      await this.#assertUndisturbed();
      await rename(this.#partialPath, this.#path);
      this.#committed = true;
      await this.#handle.close();
      await syncFolder(folder);
    } catch (error) {
      throw mediumError(error, "finish", this.#path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#committed) return;
    await this.#writeback?.catch(() => undefined);
    if (await this.#isOurs().catch(() => false)) await rm(this.#partialPath, { force: true });
    await this.#handle.close().catch(() => undefined);
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
        `expected nobody else to write ${quote(this.#path)}, but another run took its place`,
        {
          hint: "let one run at a time write this bundle, and start over",
        },
      );
    }
    if (sameStamp(await lstatOf(this.#path), this.#replaced)) return;
    throw new SealiftError(
      "FILE_EXISTS",
      `expected to find ${quote(this.#path)} as it was, but somebody changed it meanwhile`,
      {
        hint: "see what is there now, and start over",
      },
    );
  }

  #startWriteback(): void {
    if (this.#writeback !== undefined) return;
    this.#sinceWriteback = 0;
    const writeback = this.#handle.datasync();
    // A failure shows again in the final sync's own error, or here when commit awaits it.
    writeback.then(
      () => {
        this.#writeback = undefined;
      },
      () => undefined,
    );
    this.#writeback = writeback;
  }
}

/** What tells a file from another one, and from itself after a change. */
export type Stamp = Pick<Stats, "dev" | "ino" | "size" | "mtimeMs">;

/**
 * The stamp of the file that a new one takes the place of; undefined if none does.
 *
 * A symbolic link is refused, wherever it points: the new file would take the
 * link's own place, and not be where the link says, such as on another medium.
 *
 * @throws SealiftError `FILE_EXISTS` if `path` is a symbolic link.
 */
export async function stampOfReplaced(path: string): Promise<Stamp | undefined> {
  const stats = await lstatOf(path);
  if (stats?.isSymbolicLink() !== true) return stats;
  throw new SealiftError("FILE_EXISTS", `expected ${quote(path)} to be a file or nothing, got a symbolic link`, {
    hint: "name the file that the link points to, or remove the link",
  });
}

/** What lies at `path`, be it a link; undefined if nothing does. */
async function lstatOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function sameStamp(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a?.dev === b?.dev && a?.ino === b?.ino && a?.size === b?.size && a?.mtimeMs === b?.mtimeMs;
}

// A rename is durable once its folder is synced (fsync(2)). Where that is not
// possible, there is nothing better to do: folders that this user may write and
// not read, file systems and systems that sync no folders.
const NO_FOLDER_SYNC = new Set<unknown>(["EACCES", "EPERM", "EISDIR", "EINVAL", "ENOTSUP"]);

async function openFolder(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (error) {
    if (NO_FOLDER_SYNC.has(errnoOf(error))) return undefined;
    throw error;
  }
}

async function syncFolder(folder: FileHandle | undefined): Promise<void> {
  try {
    await folder?.sync();
  } catch (error) {
    if (!NO_FOLDER_SYNC.has(errnoOf(error))) throw error;
  }
}
