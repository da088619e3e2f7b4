import { constants, type FileHandle, open } from "node:fs/promises";
import { quote, SealiftError } from "../errors/index.js";
import { mediumError } from "../io/index.js";

/** A regular file that is open for reading, on a disk or a stick. */
export class MediumFile implements AsyncDisposable {
  readonly path: string;
  /** In bytes, when it was opened. */
  readonly size: number;
  readonly #handle: FileHandle;
  #isOpen = true;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#handle = handle;
    this.size = size;
  }

  /**
   * @throws SealiftError `FILE_NOT_FOUND`, `CONFIG_INVALID` (not a regular file,
   * or not readable), `MEDIUM_FAILED`.
   */
  static async open(path: string): Promise<MediumFile> {
    let handle: FileHandle | undefined;
    try {
      // O_NONBLOCK: opening a FIFO without a writer would hang otherwise.
      handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const stats = await handle.stat();
      if (!stats.isFile()) {
        throw new SealiftError("CONFIG_INVALID", `expected ${quote(path)} to be a file, got ${kindOf(stats)}`, {
          hint: "name the bundle file itself",
        });
      }
      return new MediumFile(path, handle, stats.size);
    } catch (error) {
      await handle?.close();
      throw mediumError(error, "open", path);
    }
  }

  /** For threads, which read with it while this file is open. */
  get fd(): number {
    return this.#handle.fd;
  }

  /**
   * Fills `bytes` from `position` on.
   *
   * @returns how many there were: fewer only where the file ends.
   * @throws SealiftError `MEDIUM_FAILED`.
   */
  async readInto(bytes: Uint8Array, position: number): Promise<number> {
    let read = 0;
    while (read < bytes.length) {
      const { bytesRead } = await this.#handle
        .read(bytes, read, bytes.length - read, position + read)
        .catch((error: unknown) => this.fail(error));
      if (bytesRead === 0) break;
      read += bytesRead;
    }
    return read;
  }

  /**
   * At most `length` bytes from `position` on, fewer only where the file ends.
   *
   * @throws SealiftError `MEDIUM_FAILED`.
   */
  async read(position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - position)));
    return bytes.subarray(0, await this.readInto(bytes, position));
  }

  /** Says what a failed read of this file means. */
  fail(error: unknown): never {
    throw mediumError(error, "read", this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
  }
}

function kindOf(stats: { isDirectory(): boolean; isFIFO(): boolean }): string {
  if (stats.isDirectory()) return "a folder";
  return stats.isFIFO() ? "a pipe" : "a device or socket";
}
