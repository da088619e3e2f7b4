import { constants, type FileHandle, open, rename, rm, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { SealiftError } from "../errors/index.js";
import { mediumError } from "../io/index.js";
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
  #sinceWriteback = 0;
  #writeback: Promise<void> | undefined;
  #committed = false;

  private constructor(path: string, partialPath: string, handle: FileHandle) {
    this.#path = path;
    this.#partialPath = partialPath;
    this.#handle = handle;
  }

  /**
   * Begins the file. Whoever calls holds the lock on `path`, so a `.partial`
   * that lies there is a leftover and is removed.
   *
   * @throws SealiftError `FILE_NOT_FOUND`, `CONFIG_INVALID`, `NO_SPACE`, `MEDIUM_FAILED`.
   */
  static async create(path: string): Promise<FileSink> {
    const partialPath = `${path}.partial`;
    try {
      await rm(partialPath, { force: true });
      // O_EXCL: a link that somebody puts there in between is not followed.
      const handle = await open(partialPath, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o666);
      return new FileSink(path, partialPath, handle);
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
      await this.#handle.close();
      await rename(this.#partialPath, this.#path);
      this.#committed = true;
      await syncFolder(dirname(this.#path));
    } catch (error) {
      throw mediumError(error, "finish", this.#path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#committed) return;
    await this.#writeback?.catch(() => undefined);
    await this.#handle.close().catch(() => undefined);
    await rm(this.#partialPath, { force: true });
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

// A rename is durable once its folder is (fsync(2)); file systems that cannot
// sync a folder say so, and have nothing better to offer.
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } catch (error) {
    const unsupported =
      error instanceof Error && "code" in error && (error.code === "EINVAL" || error.code === "ENOTSUP");
    if (!unsupported) throw error;
  } finally {
    await folder.close();
  }
}
