import type { ChunkSummer, PlacedEntry } from "../../bundle/format/index.js";
import { isSealiftError } from "../../errors/index.js";
import type { Descriptor } from "../../oci/index.js";
import type {
  BlobSource,
  EventListener,
  HeldBytes,
  RandomAccessSink,
  ResumableSink,
  TakeChunk,
} from "../../ports/index.js";
import type { LocalBlob } from "./local-blobs.js";

/** A blob that is to be written, and where it can be had. */
export interface PendingBlob {
  readonly descriptor: Descriptor;
  readonly source: BlobSource;
}

/** What the slots of a bundle share. */
export interface SlotContext {
  readonly sink: RandomAccessSink;
  /** The sink again, if it remembers what was written. */
  readonly journal: ResumableSink | undefined;
  readonly sums: ChunkSummer;
  readonly onEvent: EventListener;
}

// A run that is killed repeats of each blob at most as much as it had, and at most
// the second of these, in bytes; and blobs smaller than the first are noted once.
const MIN_NOTE_STEP = 256 * 1024;
const MAX_NOTE_STEP = 8 * 1024 * 1024;

/** What a slot is made of. */
export interface BlobSlotOptions {
  readonly placed: PlacedEntry;
  /** Its place among the entries. */
  readonly at: number;
  readonly blob: PendingBlob;
  /** Bytes of it that are at hand, if there are any. */
  readonly local: LocalBlob | undefined;
  readonly context: SlotContext;
}

/** The place of a blob in a bundle that is being written. */
export class BlobSlot {
  /** In bytes. */
  readonly size: number;
  readonly #options: BlobSlotOptions;
  /** How many of its bytes, from the first one on, have been written. */
  #written = 0;
  /** What of them the journal knows. */
  #noted: number;

  constructor(options: BlobSlotOptions) {
    const { placed, local } = options;
    this.size = placed.size;
    this.#options = options;
    this.#noted = local?.isInPlace === true ? local.length : 0;
  }

  /** How many bytes are yet to be fetched, if what is at hand is good. */
  get missing(): number {
    return this.size - (this.#options.local?.length ?? 0);
  }

  /**
   * Writes the blob, and hashes it on the way, also what lies there already.
   *
   * @param op - With `once`, no byte is written twice.
   * @throws SealiftError as `BlobSource.fetchBlob`, and as the sink.
   */
  async fill(op: { readonly signal: AbortSignal; readonly once?: true }): Promise<void> {
    const { blob, context } = this.#options;
    const { descriptor, source } = blob;
    const { digest, size } = descriptor;
    const { onEvent } = context;
    onEvent({ type: "blob-started", digest, bytes: size });
    const held = this.#held();
    try {
      await source.fetchBlob(descriptor, this.#take, { ...op, ...(held === undefined ? {} : { held }) });
    } catch (error) {
      // Half a blob is worth keeping, a wrong one is not.
      const isWrong = isSealiftError(error, "DIGEST_MISMATCH", "SIZE_MISMATCH");
      this.#note(isWrong ? 0 : Math.max(this.#written, this.#noted));
      throw error;
    }
    this.#note(size);
    onEvent({ type: "blob-finished", digest });
  }

  readonly #take: TakeChunk = async (chunk, position) => {
    // What was noted of a try before is being overwritten.
    if (position < this.#noted) this.#note(0);
    await this.#write(chunk, position);
  };

  /** What is at hand; what lies elsewhere is written on the way, too. */
  #held(): HeldBytes | undefined {
    const { local } = this.#options;
    if (local === undefined) return undefined;
    return {
      length: local.length,
      read: async (position, length) => {
        const bytes = await local.read(position, length);
        if (local.isInPlace) this.#pass(bytes, position);
        else await this.#write(bytes, position);
        return bytes;
      },
    };
  }

  async #write(chunk: Uint8Array, position: number): Promise<void> {
    const { context, placed } = this.#options;
    await context.sink.write(placed.position + position, chunk);
    this.#pass(chunk, position);
    const step = Math.min(Math.max(this.#noted, MIN_NOTE_STEP), MAX_NOTE_STEP);
    if (this.#written - this.#noted >= step) this.#note(this.#written);
  }

  #pass(chunk: Uint8Array, position: number): void {
    const { at, blob, context } = this.#options;
    context.sums.update(at, position, chunk);
    const end = position + chunk.length;
    // Less than before when a new try has begun.
    context.onEvent({ type: "blob-progress", digest: blob.descriptor.digest, bytes: end - this.#written });
    this.#written = end;
  }

  #note(length: number): void {
    const { blob, placed, context } = this.#options;
    this.#noted = length;
    context.journal?.note({ digest: blob.descriptor.digest, position: placed.position, size: this.size, length });
  }
}
