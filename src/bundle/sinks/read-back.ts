import { constants, type FileHandle, open } from "node:fs/promises";
import { quote, SealiftError } from "../../errors/index.js";
import { errnoOf, mediumError } from "../../io/index.js";
import type { CommitOp, ReadBack } from "../../ports/index.js";

// Large enough that a stick reads at its full speed although nothing is read
// ahead; there are two such buffers, one of which is filled while the other is used.
const CHUNK_SIZE = 4 * 1024 * 1024;

// What WebAssembly counts memory in. Its memory is mapped, so it begins at a page.
const WASM_PAGE_SIZE = 64 * 1024;

// All systems that Node runs on have it; its types leave it to those of the browser.
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
};

// Positions, lengths and memory of direct reads must be multiples of the logical
// block size of the device: 512 bytes, or 4096 (open(2), "O_DIRECT").
const ALIGNMENT = 4096;

// One after the other: then it is not a spot that is bad, but the medium is gone.
const MAX_FAILURES = 8;

// What a system says that has no direct reads for this file.
const NOT_DIRECT = new Set<unknown>(["EINVAL", "ENOTSUP", "EOPNOTSUPP"]);

/** A piece of a file, or the absence of one that the medium failed to give. */
export interface ReadPiece {
  /** Lent until the next piece is asked for; undefined if the medium failed here. */
  readonly bytes: Uint8Array | undefined;
  /** In bytes. */
  readonly length: number;
}

/**
 * A file that is read from its medium, and not from the page cache, which
 * remembers what should have been written.
 */
export class UncachedFile implements AsyncDisposable {
  /** Whether the bytes come from the medium; if not, the system may give what it remembers. */
  readonly isDirect: boolean;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #buffers: readonly [Uint8Array, Uint8Array];

  private constructor(path: string, handle: FileHandle, isDirect: boolean, buffers: readonly [Uint8Array, Uint8Array]) {
    this.#path = path;
    this.#handle = handle;
    this.isDirect = isDirect;
    this.#buffers = buffers;
  }

  /**
   * Opens a file all of whose bytes are synced.
   *
   * @throws SealiftError `MEDIUM_FAILED`, `FILE_NOT_FOUND`.
   */
  static async open(path: string): Promise<UncachedFile> {
    const buffers = alignedBuffers();
    const direct = await openDirect(path, buffers[0]);
    if (direct !== undefined) return new UncachedFile(path, direct, true, buffers);
    try {
      return new UncachedFile(path, await open(path, constants.O_RDONLY | constants.O_NOFOLLOW), false, buffers);
    } catch (error) {
      throw mediumError(error, "read back", path);
    }
  }

  /**
   * Its bytes from first to last.
   *
   * @param size - How many there should be.
   * @throws SealiftError `MEDIUM_FAILED` if there are fewer, or the medium is gone.
   */
  async *pieces(size: number): AsyncGenerator<ReadPiece> {
    let failures = 0;
    let next = this.#read(0, 0, size);
    for (let position = 0, turn = 1; position < size; turn += 1) {
      const { bytes, length, error } = await next;
      failures = error === undefined ? 0 : failures + 1;
      if (failures === MAX_FAILURES) throw mediumError(error, "read back", this.#path);
      if (length === 0) {
        const came = `expected to read back ${size} bytes from ${quote(this.#path)}, got ${position}`;
        throw new SealiftError("MEDIUM_FAILED", came, { hint: "check the cable and the medium, or take another one" });
      }
      position += length;
      next = this.#read(turn % 2, position, size);
      // Whoever stops early has no use for its failure.
      next.catch(() => undefined);
      yield { bytes, length };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #read(buffer: number, position: number, size: number): Promise<ReadPiece & { readonly error?: unknown }> {
    const into = this.#buffers[buffer % 2 === 0 ? 0 : 1];
    const left = Math.max(0, size - position);
    const wanted = Math.min(left, CHUNK_SIZE);
    if (wanted === 0) return { bytes: undefined, length: 0 };
    try {
      const { bytesRead } = await this.#handle.read(into, 0, CHUNK_SIZE, position);
      // The next position must be aligned, too, but for the end.
      const length = bytesRead < wanted ? bytesRead - (bytesRead % ALIGNMENT) : wanted;
      return { bytes: into.subarray(0, length), length };
    } catch (error) {
      if (errnoOf(error) !== "EIO") throw mediumError(error, "read back", this.#path);
      return { bytes: undefined, length: wanted, error };
    }
  }
}

function alignedBuffers(): readonly [Uint8Array, Uint8Array] {
  // Node's own memory begins anywhere; that of WebAssembly is the only one it gives page by page.
  const { buffer } = new WebAssembly.Memory({ initial: (2 * CHUNK_SIZE) / WASM_PAGE_SIZE });
  return [new Uint8Array(buffer, 0, CHUNK_SIZE), new Uint8Array(buffer, CHUNK_SIZE, CHUNK_SIZE)];
}

/** Undefined where the system or the file system has no direct reads (macOS, Windows, tmpfs before Linux 6.6). */
async function openDirect(path: string, buffer: Uint8Array): Promise<FileHandle | undefined> {
  // Absent from other systems than Linux, whatever the types say.
  const direct = constants.O_DIRECT as number | undefined;
  if (direct === undefined) return undefined;
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | direct);
    // Some take the flag, and refuse the reads.
    await handle.read(buffer, 0, ALIGNMENT, 0);
    return handle;
  } catch (error) {
    await handle?.close();
    // A bad spot is met again by who reads it all.
    if (NOT_DIRECT.has(errnoOf(error))) return undefined;
    if (errnoOf(error) === "EIO" && handle !== undefined) return await open(path, constants.O_RDONLY | direct);
    throw mediumError(error, "read back", path);
  }
}

/** A file that was written, or a part of a bundle that was. */
export interface WrittenFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * Reads files back from their medium, one after the other. All must be synced.
 *
 * @param check - Judges the bytes of all.
 * @param onBytes - Given what each file has, with its place in `files`; lent.
 * @throws SealiftError `MEDIUM_FAILED`; and as `check.finish`; or the signal's reason.
 */
export async function readBack(
  files: readonly WrittenFile[],
  check: ReadBack,
  { signal, onRead }: CommitOp,
  onBytes?: (at: number, bytes: Uint8Array) => void,
): Promise<void> {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let hasBegun = false;
  for (const [at, { path, size }] of files.entries()) {
    await using file = await UncachedFile.open(path);
    if (!hasBegun) check.begin({ isMedium: file.isDirect, nameRange: (...range) => nameRange(files, ...range) });
    hasBegun = true;
    for await (const { bytes, length } of file.pieces(size)) {
      if (bytes === undefined) check.lose(length);
      else {
        check.take(bytes);
        onBytes?.(at, bytes);
      }
      onRead?.(length, total);
      signal?.throwIfAborted();
    }
  }
  check.finish();
}

/** Names the files, and the places in them, that a range of all their bytes lies in. */
export function nameRange(files: readonly WrittenFile[], position: number, length: number): string {
  const names: string[] = [];
  let start = 0;
  for (const { path, size } of files) {
    const [from, to] = [Math.max(position, start), Math.min(position + length, start + size)];
    if (from < to) names.push(`bytes ${from - start} to ${to - start - 1} of ${quote(path)}`);
    start += size;
  }
  return names.join(" and ");
}
