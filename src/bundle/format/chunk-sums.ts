import type { XXHash } from "xxhash-wasm";

/**
 * How many bytes of an entry one sum is for. Small enough that a damaged chunk
 * costs little to send again, large enough that the sums of a terabyte take 2 MiB.
 */
export const CHUNK_SIZE = 4 * 1024 * 1024;

/** How many bytes a sum takes: an XXH64 with seed 0, big-endian. */
export const CHUNK_SUM_SIZE = 8;

/** An XXH64 that is fed in order. */
export type Xxh64 = XXHash<bigint>;

let loading: Promise<() => Xxh64> | undefined;

/** What makes an {@link Xxh64}. It is loaded when it is first asked for: most commands have no use for it. */
export async function loadXxh64(): Promise<() => Xxh64> {
  loading ??= import("xxhash-wasm").then(async ({ default: xxhash }) => {
    const api = await xxhash();
    return () => api.create64();
  });
  return await loading;
}

/** How many chunks an entry of `size` bytes has: an empty one has one, too. */
export function chunkCount(size: number): number {
  return Math.max(1, Math.ceil(size / CHUNK_SIZE));
}

/** The size in bytes of the file that holds the sums of these entries, and in the end the sum of all before. */
export function chunkSumsSize(entries: readonly { readonly size: number }[]): number {
  return CHUNK_SUM_SIZE * entries.reduce((sum, { size }) => sum + chunkCount(size), 1);
}

/**
 * Whether the file of the sums ends with the sum of all before. It says nothing
 * of the entries: their digests decide.
 *
 * @param bytes - The whole file, in pieces of any size.
 * @param size - How many bytes it has.
 */
export async function isChunkSumsFile(bytes: AsyncIterable<Uint8Array>, size: number): Promise<boolean> {
  const hash = (await loadXxh64())();
  const last = Buffer.alloc(CHUNK_SUM_SIZE);
  const end = size - CHUNK_SUM_SIZE;
  let position = 0;
  for await (const piece of bytes) {
    const sums = piece.subarray(0, Math.max(0, end - position));
    hash.update(sums);
    if (position + piece.length > size) return false;
    last.set(piece.subarray(sums.length), Math.max(0, position - end));
    position += piece.length;
  }
  return position === size && last.readBigUInt64BE() === hash.digest();
}

/** An entry of which not all bytes have come. */
interface OpenEntry {
  /** Where in the entry the next byte belongs. */
  next: number;
  hash: Xxh64;
}

/**
 * Sums the chunks of a bundle's entries while they are written: entries in any
 * order and at the same time, the bytes of each from first to last.
 */
export class ChunkSummer {
  readonly #newHash: () => Xxh64;
  readonly #sizes: readonly number[];
  /** The number of each entry's first chunk. */
  readonly #firstChunks: readonly number[];
  readonly #file: Buffer;
  readonly #open = new Map<number, OpenEntry>();
  /** The entries all of whose bytes have come. */
  readonly #done = new Set<number>();

  private constructor(newHash: () => Xxh64, entries: readonly { readonly size: number }[]) {
    this.#newHash = newHash;
    this.#sizes = entries.map(({ size }) => size);
    let chunks = 0;
    this.#firstChunks = this.#sizes.map((size) => (chunks += chunkCount(size)) - chunkCount(size));
    this.#file = Buffer.alloc(chunkSumsSize(entries));
  }

  /** @param entries - All that the bundle holds, in the order of the tar. It takes 2 MiB of memory for each terabyte. */
  static async create(entries: readonly { readonly size: number }[]): Promise<ChunkSummer> {
    return new ChunkSummer(await loadXxh64(), entries);
  }

  /**
   * Takes bytes of an entry: those that follow what came before, or, when the
   * entry is written again, those from its first byte or another chunk's first byte on.
   *
   * @param entry - The entry's place among all entries.
   * @param position - Where in the entry the bytes belong.
   * @throws Error if there is a gap: then a sum would be wrong, and the fault would be in Sealift.
   */
  update(entry: number, position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const size = this.#sizes[entry] ?? -1;
    const open = this.#at(entry, position);
    if (position + bytes.length > size) throw new Error(`entry ${entry} has ${size} bytes, and more came`);
    let taken = 0;
    while (taken < bytes.length) {
      const left = CHUNK_SIZE - (open.next % CHUNK_SIZE);
      const part = bytes.subarray(taken, taken + left);
      open.hash.update(part);
      taken += part.length;
      open.next += part.length;
      if (open.next === size || part.length === left) this.#closeChunk(entry, open);
    }
    if (open.next < size) return;
    this.#open.delete(entry);
    this.#done.add(entry);
  }

  /**
   * The bytes of the file.
   *
   * @throws Error if not all entries have come.
   */
  finish(): Uint8Array {
    for (const [entry, size] of this.#sizes.entries()) {
      if (size === 0) this.#setSum(this.#firstChunks[entry] ?? 0, this.#newHash());
      else if (!this.#done.has(entry)) throw new Error(`entry ${entry} has not come as a whole`);
    }
    const sums = this.#file.subarray(0, -CHUNK_SUM_SIZE);
    this.#setSum(sums.length / CHUNK_SUM_SIZE, this.#newHash().update(sums));
    return this.#file;
  }

  #at(entry: number, position: number): OpenEntry {
    const next = this.#done.has(entry) ? this.#sizes[entry] : (this.#open.get(entry)?.next ?? 0);
    const open = this.#open.get(entry);
    if (open?.next === position) return open;
    if (next === undefined || position > next || position % CHUNK_SIZE !== 0) {
      throw new Error(`entry ${entry} is at byte ${next}, and byte ${position} came`);
    }
    this.#done.delete(entry);
    const opened = { next: position, hash: this.#newHash() };
    this.#open.set(entry, opened);
    return opened;
  }

  #closeChunk(entry: number, open: OpenEntry): void {
    // Right after a chunk's last byte.
    const chunk = Math.ceil(open.next / CHUNK_SIZE) - 1;
    this.#setSum((this.#firstChunks[entry] ?? 0) + chunk, open.hash);
    open.hash = this.#newHash();
  }

  #setSum(chunk: number, hash: Xxh64): void {
    this.#file.writeBigUInt64BE(hash.digest(), CHUNK_SUM_SIZE * chunk);
  }
}
