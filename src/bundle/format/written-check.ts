import { CHUNK_SIZE, CHUNK_SUM_SIZE, chunkCount, loadXxh64, type Xxh64 } from "./chunk-sums.js";
import { type BundleLayout, filesOf, headerOf } from "./layout.js";

/** A range of a bundle that is not what was written. In bytes. */
export interface DamagedRange {
  readonly position: number;
  readonly length: number;
  /** The file in the tar that it belongs to, with its header and the padding before that; undefined for the tar's end. */
  readonly path: string | undefined;
}

/** What {@link WrittenCheck} found. */
export interface WrittenDamage {
  /** Neighbours are one; at most {@link MAX_RANGES}, the first ones. */
  readonly ranges: readonly DamagedRange[];
  /** How many there are with those that are not listed. */
  readonly count: number;
  /** The sum of their lengths. */
  readonly bytes: number;
}

/** More say no more to anybody, and a medium may be bad all over. */
const MAX_RANGES = 1000;

/** Bytes that are known or have a known sum. */
interface Segment {
  readonly path: string | undefined;
  readonly position: number;
  readonly size: number;
  readonly expected: Uint8Array | bigint;
}

/**
 * Compares a bundle that was written, from its first byte to its last, with what
 * was to be written: chunks of entries by their sums, all else byte for byte.
 */
export class WrittenCheck {
  readonly #segments: Generator<Segment, undefined>;
  readonly #newHash: () => Xxh64;
  readonly #ranges: { position: number; length: number; readonly path: string | undefined }[] = [];
  #segment: Segment | undefined;
  /** How many bytes of the segment have come. */
  #done = 0;
  #hash: Xxh64 | undefined;
  #count = 0;
  #bytes = 0;

  private constructor(segments: Generator<Segment, undefined>, newHash: () => Xxh64) {
    this.#segments = segments;
    this.#newHash = newHash;
  }

  /**
   * @param known - The bytes of all files that are no entries, by path; the one of the
   * chunk sums among them.
   */
  static async create(layout: BundleLayout, known: ReadonlyMap<string, Uint8Array>): Promise<WrittenCheck> {
    return new WrittenCheck(segmentsOf(layout, known), await loadXxh64());
  }

  /** Takes the next bytes. */
  take(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length; ) {
      const segment = this.#current();
      const piece = bytes.subarray(taken, taken + segment.size - this.#done);
      if (typeof segment.expected === "bigint") (this.#hash ??= this.#newHash()).update(piece);
      else if (Buffer.compare(piece, segment.expected.subarray(this.#done, this.#done + piece.length)) !== 0) {
        this.#damaged(segment, this.#done, piece.length);
      }
      taken += piece.length;
      this.#pass(segment, piece.length);
    }
  }

  /** Counts the next bytes as damaged. */
  lose(length: number): void {
    for (let lost = 0; lost < length; ) {
      const segment = this.#current();
      const piece = Math.min(length - lost, segment.size - this.#done);
      // The rest of a chunk cannot be judged without these.
      if (typeof segment.expected === "bigint") this.#hash = undefined;
      else this.#damaged(segment, this.#done, piece);
      lost += piece;
      this.#pass(segment, piece);
    }
  }

  /** What is damaged, once all bytes have come; if some have not, these are, too. */
  finish(): WrittenDamage {
    for (let left = this.#next(); left !== undefined; left = this.#next()) this.lose(left.size - this.#done);
    return { ranges: this.#ranges, count: this.#count, bytes: this.#bytes };
  }

  #current(): Segment {
    const segment = this.#next();
    if (segment === undefined) throw new Error("more bytes came than the layout has");
    return segment;
  }

  #next(): Segment | undefined {
    return (this.#segment ??= this.#segments.next().value);
  }

  #pass(segment: Segment, length: number): void {
    this.#done += length;
    if (this.#done < segment.size) return;
    // A hash that began in the middle, after a loss, is another sum.
    if (typeof segment.expected === "bigint" && this.#hash?.digest() !== segment.expected) {
      this.#damaged(segment, 0, segment.size);
    }
    this.#segment = undefined;
    this.#done = 0;
    this.#hash = undefined;
  }

  #damaged({ path, position }: Segment, start: number, length: number): void {
    this.#bytes += length;
    const last = this.#ranges.at(-1);
    if (last !== undefined && last.path === path && last.position + last.length === position + start) {
      last.length += length;
      return;
    }
    this.#count += 1;
    if (this.#ranges.length < MAX_RANGES) this.#ranges.push({ path, position: position + start, length });
  }
}

function* segmentsOf(layout: BundleLayout, known: ReadonlyMap<string, Uint8Array>): Generator<Segment, undefined> {
  const sums = Buffer.from(known.get(layout.chunkSums.path) ?? []);
  let end = 0;
  let chunk = 0;
  for (const file of filesOf(layout)) {
    const { path, position, size } = file;
    const before = new Uint8Array(position - end);
    before.set(headerOf(file), file.headerPosition - end);
    yield { path, position: end, size: before.length, expected: before };
    const bytes = known.get(path);
    if (bytes === undefined) {
      yield* chunksOf(file, sums.subarray(CHUNK_SUM_SIZE * chunk));
      chunk += chunkCount(size);
    } else if (size > 0) yield { path, position, size, expected: bytes };
    end = position + size;
  }
  yield { path: undefined, position: end, size: layout.size - end, expected: new Uint8Array(layout.size - end) };
}

function* chunksOf(
  { path, position, size }: { readonly path: string; readonly position: number; readonly size: number },
  sums: Buffer,
): Generator<Segment> {
  for (let start = 0, at = 0; start < size; start += CHUNK_SIZE, at += CHUNK_SUM_SIZE) {
    const length = Math.min(CHUNK_SIZE, size - start);
    yield { path, position: position + start, size: length, expected: sums.readBigUInt64BE(at) };
  }
}
