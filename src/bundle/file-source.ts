import { constants, type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { quote, SealiftError } from "../errors/index.js";
import { mediumError } from "../io/index.js";
import { type Digest, type DigestAlgorithm, digestOf, parseDigest } from "../oci/index.js";
import type { DigestOp, RandomAccessSource } from "../ports/index.js";
import { HashPool } from "./hash-pool.js";

// Below this, handing the work to a thread costs more than doing it.
const INLINE_HASH_SIZE = 256 * 1024;

// Large enough that the hops between threads do not count, small enough that
// a few streams at once take little memory.
const STREAM_CHUNK_SIZE = 512 * 1024;

/** A file on a disk or a stick. */
export class FileSource implements RandomAccessSource {
  readonly size: number;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #hashPool = new HashPool();

  private constructor(path: string, handle: FileHandle, size: number) {
    this.#path = path;
    this.#handle = handle;
    this.size = size;
  }

  /**
   * @throws SealiftError `FILE_NOT_FOUND`, `CONFIG_INVALID` (not a regular file,
   * or not readable), `MEDIUM_FAILED`.
   */
  static async open(path: string): Promise<FileSource> {
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
      return new FileSource(path, handle, stats.size);
    } catch (error) {
      await handle?.close();
      throw mediumError(error, "open", path);
    }
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    if (position + length > this.size) throw this.#endError(position + length, this.size);
    const bytes = Buffer.allocUnsafe(length);
    let read = 0;
    while (read < length) {
      const { bytesRead } = await this.#handle.read(bytes, read, length - read, position + read).catch(this.#fail);
      if (bytesRead === 0) throw this.#endError(position + length, position + read);
      read += bytesRead;
    }
    return bytes;
  }

  stream(position: number, length: number): Readable {
    return Readable.from(this.#chunks(position, length), { objectMode: false, highWaterMark: STREAM_CHUNK_SIZE });
  }

  async digest(position: number, length: number, algorithm: DigestAlgorithm, op: DigestOp = {}): Promise<Digest> {
    if (length <= INLINE_HASH_SIZE) {
      const digest = digestOf(await this.read(position, length), algorithm);
      op.onBytes?.(length);
      return digest;
    }
    const { hex, read } = await this.#hashPool
      .hash({ fd: this.#handle.fd, position, length, algorithm }, op)
      .catch(this.#fail);
    if (read < length) throw this.#endError(position + length, position + read);
    return parseDigest(`${algorithm}:${hex}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hashPool[Symbol.asyncDispose]();
    await this.#handle.close();
  }

  async *#chunks(position: number, length: number): AsyncGenerator<Uint8Array> {
    for (let done = 0; done < length; done += STREAM_CHUNK_SIZE) {
      yield await this.read(position + done, Math.min(STREAM_CHUNK_SIZE, length - done));
    }
  }

  readonly #fail = (error: unknown): never => {
    throw mediumError(error, "read", this.#path);
  };

  #endError(expected: number, came: number): SealiftError {
    return new SealiftError(
      "BUNDLE_INVALID",
      `expected ${quote(this.#path)} to have at least ${expected} bytes, got ${came}`,
      {
        hint: "the file was cut off: copy it again from where it was made",
      },
    );
  }
}

function kindOf(stats: { isDirectory(): boolean; isFIFO(): boolean }): string {
  if (stats.isDirectory()) return "a folder";
  return stats.isFIFO() ? "a pipe" : "a device or socket";
}
