import type { PlacedEntry } from "../../bundle/format/index.js";
import { isSealiftError, quote, SealiftError } from "../../errors/index.js";
import { blobDigestError, type HashThread } from "../../io/index.js";
import { type Descriptor, type Digest, digestAlgorithm } from "../../oci/index.js";
import type { BlobSource, EventListener, FetchOp, HeldBytes, TakeChunk } from "../../ports/index.js";
import { isBlob } from "./bundle-content.js";
import type { NamedBundle } from "./open-named.js";

/** What was taken from a bundle. */
export interface TakenBlobs {
  readonly name: string;
  readonly blobs: number;
  readonly bytes: number;
}

/** A blob in one of the bundles. */
interface BlobPlace {
  readonly from: NamedBundle;
  readonly placed: PlacedEntry;
}

// Large enough that the hops between threads do not count.
const STEP = 512 * 1024;

/**
 * The blobs that several bundles hold together. Each is hashed on its way; where
 * it is damaged in one bundle, it is taken from another one that holds it.
 */
export class BundleBlobs implements BlobSource {
  readonly #places: ReadonlyMap<Digest, readonly BlobPlace[]>;
  readonly #taken: Map<NamedBundle, { blobs: number; bytes: number }>;
  readonly #hashThread: HashThread;
  readonly #onEvent: EventListener;

  /** @param bundles - Where a blob is in several of them, it is taken from the first. */
  constructor(bundles: readonly NamedBundle[], hashThread: HashThread, onEvent: EventListener) {
    const places = new Map<Digest, BlobPlace[]>();
    for (const from of bundles) {
      for (const placed of from.bundle.layout.entries.filter(isBlob)) {
        const others = places.get(placed.entry.digest) ?? [];
        places.set(placed.entry.digest, [...others, { from, placed }]);
      }
    }
    this.#places = places;
    this.#taken = new Map(bundles.map((from) => [from, { blobs: 0, bytes: 0 }]));
    this.#hashThread = hashThread;
    this.#onEvent = onEvent;
  }

  /** What was taken from each bundle so far, in their order. */
  get taken(): readonly TakenBlobs[] {
    return [...this.#taken].map(([{ name }, counts]) => ({ name, ...counts }));
  }

  /** Whether one of the bundles lists a blob with this digest and size. */
  holds(descriptor: Pick<Descriptor, "digest" | "size">): boolean {
    return this.#placesOf(descriptor).length > 0;
  }

  async fetchBlob(descriptor: Descriptor, take: TakeChunk, op: FetchOp = {}): Promise<void> {
    const places = this.#placesOf(descriptor);
    let failure: SealiftError | undefined;
    let held = op.held;
    for (const [at, { from, placed }] of places.entries()) {
      let wrong = await this.#copy({ from, placed }, descriptor, take, op, held);
      if (wrong !== undefined && held !== undefined && op.once !== true) {
        // What was held may be what is wrong.
        held = undefined;
        wrong = await this.#copy({ from, placed }, descriptor, take, op, undefined);
      }
      if (wrong === undefined) {
        this.#count(from, descriptor);
        return;
      }
      failure ??= wrong;
      const next = places[at + 1]?.from;
      if (next === undefined || op.once === true) break;
      this.#onEvent({ type: "warning", text: `${wrong.message}: taking it from ${quote(next.name)} instead` });
    }
    throw failure ?? new SealiftError("BUNDLE_INVALID", `expected a bundle that holds ${descriptor.digest}, got none`);
  }

  // One that states another size is not what is wanted, whatever its digest.
  #placesOf({ digest, size }: Pick<Descriptor, "digest" | "size">): readonly BlobPlace[] {
    return (this.#places.get(digest) ?? []).filter(({ placed }) => placed.size === size);
  }

  /** Gives one place's bytes; says what is wrong with them. Throws only what `take` fails with, and the signal's reason. */
  async #copy(
    { from, placed }: BlobPlace,
    descriptor: Descriptor,
    take: TakeChunk,
    { signal }: FetchOp,
    held: HeldBytes | undefined,
  ): Promise<SealiftError | undefined> {
    const { source } = from.bundle;
    const hash = this.#hashThread.begin(digestAlgorithm(descriptor.digest), placed.size);
    const heldLength = held?.length ?? 0;
    try {
      for (let position = 0; position < placed.size; ) {
        signal?.throwIfAborted();
        const isHeld = position < heldLength;
        const length = Math.min(STEP, (isHeld ? heldLength : placed.size) - position);
        const bytes = await sealiftErrorOr(
          isHeld && held !== undefined ? held.read(position, length) : source.read(placed.position + position, length),
        );
        if (isSealiftError(bytes)) return bytes;
        if (!isHeld) await take(bytes, position);
        await hash.update(bytes);
        position += length;
      }
      const came = await hash.digest();
      return came === descriptor.digest ? undefined : damagedError(descriptor, from.name, came);
    } finally {
      hash.abandon();
    }
  }

  #count(from: NamedBundle, { size }: Descriptor): void {
    const counts = this.#taken.get(from);
    if (counts === undefined) return;
    counts.blobs += 1;
    counts.bytes += size;
  }
}

/** What reading gave, or what it failed with: whoever writes fails in another way. */
async function sealiftErrorOr<T>(reading: Promise<T>): Promise<T | SealiftError> {
  try {
    return await reading;
  } catch (error) {
    if (isSealiftError(error)) return error;
    throw error;
  }
}

function damagedError(descriptor: Descriptor, name: string, came: Digest): SealiftError {
  const { code, message } = blobDigestError(descriptor, quote(name), came);
  return new SealiftError(code, message, {
    hint: `${quote(name)} is damaged there: copy it again from where it was made, or name another bundle that holds the blob, too`,
  });
}
