import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { PlacedEntry } from "../../bundle/format/index.js";
import { verifiedStream } from "../../io/index.js";
import { digestAlgorithm, digestOf, finishDigest } from "../../oci/index.js";
import type { EventListener } from "../../ports/index.js";
import { assertDigest } from "./bundle-content.js";

/** An entry of a bundle that comes by once. Who has taken a look at it, or none, calls {@link finish}. */
export class PassingEntry {
  readonly placed: PlacedEntry;
  readonly #onEvent: EventListener;
  /** All bytes, unless they are to come. */
  #bytes: Uint8Array | undefined;
  #stream: Readable | undefined;
  /** What {@link open} gives from, verified on the way. */
  #verified: AsyncIterator<Uint8Array> | undefined;
  #isFinished = false;

  private constructor(placed: PlacedEntry, onEvent: EventListener) {
    this.placed = placed;
    this.#onEvent = onEvent;
  }

  /** An entry that has come already. */
  static ofBytes(placed: PlacedEntry, bytes: Uint8Array, isVerified: boolean, onEvent: EventListener): PassingEntry {
    const entry = new PassingEntry(placed, onEvent);
    entry.#bytes = bytes;
    entry.#isFinished = isVerified;
    if (!isVerified) entry.#start();
    return entry;
  }

  /** An entry that comes; nobody else reads the stream. */
  static ofStream(placed: PlacedEntry, stream: Readable, onEvent: EventListener): PassingEntry {
    const entry = new PassingEntry(placed, onEvent);
    entry.#stream = stream;
    entry.#start();
    return entry;
  }

  /**
   * The entry as a whole, verified; only for small ones.
   *
   * @throws SealiftError as {@link finish}.
   */
  async bytes(): Promise<Uint8Array> {
    const bytes = this.#bytes ?? Buffer.concat(await this.#takeStream().toArray());
    this.#bytes = bytes;
    await this.finish();
    return bytes;
  }

  /**
   * The entry as a stream, once, that fails at its end as {@link finish} does;
   * its last bytes are held back until all are known to be right. Whoever
   * destroys it before leaves the rest to `finish`.
   */
  open(): Readable {
    const { digest, size } = this.placed.entry;
    const stream = this.#bytes === undefined ? this.#takeStream() : Readable.from([this.#bytes], { objectMode: false });
    const descriptor = { mediaType: "application/octet-stream", digest, size };
    const verified = verifiedStream(stream, descriptor, "the bundle", this.#count)[Symbol.asyncIterator]();
    this.#verified = verified as AsyncIterator<Uint8Array>;
    return Readable.from(unended(this.#verified), { objectMode: false });
  }

  /**
   * Reads all of the entry that nobody has read, so that the next one can come.
   *
   * @throws SealiftError `DIGEST_MISMATCH`; what its stream fails with.
   */
  async finish(): Promise<void> {
    if (this.#isFinished) return;
    this.#isFinished = true;
    const { digest } = this.placed.entry;
    if (this.#verified !== undefined) for await (const _left of unended(this.#verified)) continue;
    else await this.#hash();
    this.#onEvent({ type: "blob-finished", digest });
  }

  async #hash(): Promise<void> {
    const { path, digest } = this.placed.entry;
    const algorithm = digestAlgorithm(digest);
    if (this.#bytes !== undefined) {
      this.#count(this.#bytes.length);
      assertDigest(digest, digestOf(this.#bytes, algorithm), path);
      return;
    }
    const hash = createHash(algorithm);
    for await (const chunk of this.#takeStream() as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      this.#count(chunk.length);
    }
    assertDigest(digest, finishDigest(hash, algorithm), path);
  }

  #takeStream(): Readable {
    if (this.#stream === undefined) throw new Error("the entry has come by");
    const stream = this.#stream;
    this.#stream = undefined;
    return stream;
  }

  #start(): void {
    const { digest, size } = this.placed.entry;
    this.#onEvent({ type: "blob-started", digest, bytes: size });
  }

  readonly #count = (bytes: number): void => {
    this.#onEvent({ type: "blob-progress", digest: this.placed.entry.digest, bytes });
  };
}

/** What is left of an iterator, which goes on when this ends early. */
async function* unended(chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) return;
    yield next.value;
  }
}
