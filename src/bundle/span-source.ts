import { Readable } from "node:stream";
import { SealiftError } from "../errors/index.js";
import { type Digest, type DigestAlgorithm, digestOf, parseDigest } from "../oci/index.js";
import type { DigestOp, FilePlace, PlacedSource, RandomAccessSource } from "../ports/index.js";
import { loadXxh64 } from "./format/index.js";
import { HashPool } from "./hash-pool.js";
import type { FileRange } from "./hash-range.js";
import type { MediumFile } from "./medium-file.js";

// Below this, handing the work to a thread costs more than doing it.
const INLINE_HASH_SIZE = 256 * 1024;

// Large enough that the hops between threads do not count, small enough that
// a few streams at once take little memory.
const STREAM_CHUNK_SIZE = 512 * 1024;

/** Bytes of a bundle that lie one after the other in one file. */
export interface Span {
  /** Names it in messages; text from outside in it is quoted. */
  readonly name: string;
  /** How many bytes of the bundle it stands for. */
  readonly size: number;
  /** The bytes, fewer than `size` if it was cut off; or why there are none. */
  readonly content: SpanContent | SealiftError;
  /** The file whose first byte is the span's, be it there or not; undefined if it lies inside another one. */
  readonly path: string | undefined;
}

/** Where the bytes of a span lie. */
export interface SpanContent {
  readonly file: MediumFile;
  /** In bytes, as is `length`. */
  readonly offset: number;
  readonly length: number;
}

/** A piece of a span that somebody asks for. */
interface Segment {
  readonly content: SpanContent;
  /** From the beginning of the span, in bytes, as is `length`. */
  readonly start: number;
  readonly length: number;
}

/** A bundle that lies in one span, or in several that follow each other. */
export class SpanSource implements RandomAccessSource, PlacedSource {
  readonly size: number;
  protected readonly spans: readonly Span[];
  /** Where in the bundle each span begins. */
  readonly #starts: readonly number[];
  readonly #files: ReadonlySet<AsyncDisposable>;
  readonly #hashPool = new HashPool();

  /**
   * @param spans - At least one.
   * @param files - Closed with the source.
   */
  protected constructor(spans: readonly Span[], files: Iterable<AsyncDisposable>) {
    let size = 0;
    this.spans = spans;
    this.#starts = spans.map((span) => (size += span.size) - span.size);
    this.size = size;
    this.#files = new Set(files);
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    this.#assertWithin(position, length);
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    for (const { content, start, length: wanted } of this.#segments(position, length)) {
      const there = Math.max(0, Math.min(wanted, content.length - start));
      const read = await content.file.readInto(bytes.subarray(done, done + there), content.offset + start);
      done += read;
      if (read < wanted) throw this.#endError(position + length, position + done);
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
    return parseDigest(`${algorithm}:${await this.#hash(position, length, algorithm, op)}`);
  }

  async checksum(position: number, length: number, op: DigestOp = {}): Promise<bigint> {
    if (length > INLINE_HASH_SIZE) return BigInt(`0x${await this.#hash(position, length, "xxh64", op)}`);
    const hash = (await loadXxh64())().update(await this.read(position, length));
    op.onBytes?.(length);
    return hash.digest();
  }

  placeOf(position: number): FilePlace | undefined {
    const at = this.spanAt(position);
    const span = this.spans[at];
    if (span?.path === undefined) return undefined;
    const offset = position - this.startOf(at);
    return { path: span.path, offset, length: Math.max(0, span.size - offset) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hashPool[Symbol.asyncDispose]();
    for (const file of this.#files) await file[Symbol.asyncDispose]();
  }

  /** Which span the byte at `position` lies in; the last one for what lies beyond. */
  protected spanAt(position: number): number {
    let low = 0;
    for (let high = this.#starts.length - 1; low < high; ) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Where in the bundle a span begins. */
  protected startOf(span: number): number {
    return this.#starts[span] ?? 0;
  }

  /** The hash of bytes, in hexadecimal, made on another thread. */
  async #hash(position: number, length: number, algorithm: DigestAlgorithm | "xxh64", op: DigestOp): Promise<string> {
    this.#assertWithin(position, length);
    const ranges: FileRange[] = [];
    for (const { content, start, length: wanted } of this.#segments(position, length)) {
      const there = Math.max(0, Math.min(wanted, content.length - start));
      ranges.push({ fd: content.file.fd, position: content.offset + start, length: there });
      // The rest cannot be hashed without what is missing here.
      if (there < wanted) break;
    }
    const { hex, read } = await this.#hashPool
      .hash({ ranges, algorithm }, op)
      .catch((error: unknown) => this.#fail(error, position));
    if (read < length) throw this.#endError(position + length, position + read);
    return hex;
  }

  *#segments(position: number, length: number): Generator<Segment> {
    let at = this.spanAt(position);
    for (let done = 0; done < length; at += 1) {
      const span = this.spans[at];
      if (span === undefined) return;
      if (span.content instanceof SealiftError) throw span.content;
      const start = position + done - this.startOf(at);
      const segment = { content: span.content, start, length: Math.min(length - done, span.size - start) };
      done += segment.length;
      yield segment;
    }
  }

  async *#chunks(position: number, length: number): AsyncGenerator<Uint8Array> {
    for (let done = 0; done < length; done += STREAM_CHUNK_SIZE) {
      yield await this.read(position + done, Math.min(STREAM_CHUNK_SIZE, length - done));
    }
  }

  #assertWithin(position: number, length: number): void {
    if (position + length > this.size) throw this.#endError(position + length, this.size);
  }

  /** Says which file could not be read: what was hashed before comes with the error. */
  #fail(error: unknown, position: number): never {
    const read = error instanceof Error && "read" in error && typeof error.read === "number" ? error.read : 0;
    const content = this.spans[this.spanAt(position + read)]?.content;
    if (content === undefined || content instanceof SealiftError) throw error;
    return content.file.fail(error);
  }

  /** @param came - Where the bytes end, though they should go on up to `expected`. */
  #endError(expected: number, came: number): SealiftError {
    const at = this.spanAt(came);
    const span = this.spans[at];
    const end = at === this.spans.length - 1 ? expected : Math.min(expected, this.startOf(at + 1));
    return new SealiftError(
      "BUNDLE_INVALID",
      `expected ${span?.name} to have at least ${end - this.startOf(at)} bytes, got ${came - this.startOf(at)}`,
      {
        hint: "the file was cut off: copy it again from where it was made",
      },
    );
  }
}
