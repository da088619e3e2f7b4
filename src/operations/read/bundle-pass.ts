import pLimit from "p-limit";
import {
  type BundleLayout,
  type FormMark,
  formAt,
  formMark,
  type PlacedEntry,
  planForm,
} from "../../bundle/format/index.js";
import { SealiftError } from "../../errors/index.js";
import { type Digest, MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE } from "../../oci/index.js";
import type { EventListener, SequentialSource } from "../../ports/index.js";
import type { TrustPolicy } from "../../signing/index.js";
import { isBlob } from "./bundle-content.js";
import { expectChunkSums, expectHeader, expectTarEnd } from "./bundle-form.js";
import { inParts } from "./in-parts.js";
import { type BundleHead, expectSigstoreBundle, type ReadableBundle, readHead } from "./open-bundle.js";
import { PassingEntry } from "./passing-entry.js";

// Manifests and configs of a bundle are in memory until all have come. Ten
// thousand images with a dozen KiB of them each fit.
const MAX_KEPT = 128 * 1024 * 1024;

const MAX_KEPT_ENTRY = Math.max(MAX_MANIFEST_SIZE, MAX_CONFIG_SIZE);

/**
 * A bundle that comes by once, as through a pipe. Each byte is compared or
 * hashed when it comes; manifests and configs, which come first, are kept until
 * {@link entries} has given them.
 */
export class BundlePass {
  readonly #source: SequentialSource;
  readonly #mark: FormMark | undefined;
  readonly #kept = new Map<string, Uint8Array>();
  readonly #turn = pLimit(1);
  #bundle: ReadableBundle;
  #keptBytes = 0;
  /** The place among the entries of the one that comes next. */
  #next = 0;

  private constructor(source: SequentialSource, head: BundleHead) {
    this.#source = source;
    this.#mark = formMark(head.sizes, head.index);
    const readEntry = (placed: PlacedEntry) => this.#turn(() => this.#readEntry(placed));
    this.#bundle = { ...head, source, form: "full", layout: planForm(head.sizes, head.index, "full"), readEntry };
  }

  /**
   * Reads and checks what comes before the entries, the signature first.
   *
   * @throws SealiftError as `openBundle`; what the source fails with.
   */
  static async open(source: SequentialSource, trust: TrustPolicy): Promise<BundlePass> {
    const head = await readHead(source, trust);
    const pass = new BundlePass(source, head);
    await expectSigstoreBundle(source, head, pass.#layout);
    return pass;
  }

  /**
   * The bundle. Until {@link readToLayers} has looked, it is taken to be whole.
   * Manifests and configs are read in any order, as long as no layer has come.
   */
  get bundle(): ReadableBundle {
    return this.#bundle;
  }

  /**
   * Reads on to where the first layer comes: since those that a delta leaves out
   * are the first, it is known from then on whether they are there.
   *
   * @throws SealiftError `BUNDLE_INVALID`; what the source fails with.
   */
  async readToLayers(): Promise<void> {
    if (this.#mark === undefined) return;
    for (
      let next = this.#nextPlaced;
      next !== undefined && next.position < this.#mark.position;
      next = this.#nextPlaced
    ) {
      const placed = await this.#enter();
      if (placed !== undefined) await this.#keep(placed, placed);
    }
    if (this.#nextPlaced?.headerPosition === this.#mark.position) await this.#tellForm(this.#mark);
  }

  /**
   * Gives the entries that were kept, then those that come, in their order, but
   * for the documents. Each is verified before the next one is given, whatever
   * was done with it.
   *
   * @param verified - Of those that were kept, what {@link ReadableBundle.readEntry}'s caller has verified.
   * @throws SealiftError `DIGEST_MISMATCH`, `BUNDLE_INVALID`; what the source fails with.
   */
  async *entries(verified: ReadonlySet<Digest>, onEvent: EventListener): AsyncGenerator<PassingEntry> {
    for (const placed of this.#layout.entries.slice(0, this.#next)) {
      const bytes = this.#kept.get(placed.path);
      if (bytes === undefined) continue;
      this.#kept.delete(placed.path);
      yield* this.#give(PassingEntry.ofBytes(placed, bytes, verified.has(placed.entry.digest), onEvent));
    }
    for (let placed = await this.#enter(); placed !== undefined; placed = await this.#enter()) {
      yield* this.#give(PassingEntry.ofStream(placed, this.#source.stream(placed.size), onEvent));
    }
  }

  /**
   * Runs what reads the entries. If one of them is wrong, the error names the
   * parts of the bundle that it came from: each is verified before the next one comes.
   *
   * @throws whatever `read` throws.
   */
  async namingParts<T>(read: () => Promise<T>): Promise<T> {
    return await inParts(this.#source, () => this.#layout.entries[this.#next - 1] ?? this.#layout.index, read);
  }

  /** The entries that {@link entries} will give, but for those that are verified. */
  unread(verified: ReadonlySet<Digest>): readonly PlacedEntry[] {
    return this.#layout.entries.filter((placed, at) =>
      at < this.#next ? this.#kept.has(placed.path) && !verified.has(placed.entry.digest) : true,
    );
  }

  /**
   * Reads what comes after the entries, to the end of the pipe.
   *
   * @throws SealiftError `BUNDLE_INVALID` if it is anything but the end of the bundle; what the source fails with.
   */
  async finish(): Promise<void> {
    const { chunkSums } = this.#layout;
    await expectHeader(this.#source, chunkSums);
    await expectChunkSums(this.#source.stream(chunkSums.size), chunkSums);
    await expectTarEnd(this.#source, this.#layout);
    await this.#source.expectEnd();
  }

  get #layout(): BundleLayout {
    return this.#bundle.layout;
  }

  get #nextPlaced(): PlacedEntry | undefined {
    return this.#layout.entries[this.#next];
  }

  async *#give(entry: PassingEntry): AsyncGenerator<PassingEntry> {
    if (isBlob(entry.placed)) yield entry;
    await entry.finish();
  }

  /** Reads the next entry's header; undefined after the last one. */
  async #enter(): Promise<PlacedEntry | undefined> {
    const placed = this.#nextPlaced;
    if (placed === undefined) return undefined;
    await expectHeader(this.#source, placed);
    this.#next += 1;
    return placed;
  }

  async #tellForm(mark: FormMark): Promise<void> {
    const padding = mark.position - this.#source.position;
    const came = await this.#source.peek(padding + mark.header.length);
    const form = formAt(mark, came.subarray(padding));
    const { sizes, index } = this.#bundle;
    this.#bundle = { ...this.#bundle, form, layout: planForm(sizes, index, form) };
  }

  async #readEntry(wanted: PlacedEntry): Promise<Uint8Array> {
    for (;;) {
      const bytes = this.#kept.get(wanted.path);
      if (bytes !== undefined) return bytes;
      const placed = await this.#enter();
      if (placed === undefined || placed.position > wanted.position) throw misplaced(wanted);
      await this.#keep(placed, wanted);
    }
  }

  async #keep(placed: PlacedEntry, wanted: PlacedEntry): Promise<void> {
    if (!isBlob(placed)) {
      await PassingEntry.ofStream(placed, this.#source.stream(placed.size), () => undefined).finish();
      return;
    }
    if (placed.size > MAX_KEPT_ENTRY) throw misplaced(wanted);
    this.#keptBytes += placed.size;
    if (this.#keptBytes > MAX_KEPT) {
      throw new SealiftError(
        "USAGE",
        `expected at most ${MAX_KEPT / 2 ** 20} MiB of manifests and configs in a bundle that comes through a pipe, got more`,
        { hint: "write the bundle to a file, and name that" },
      );
    }
    this.#kept.set(placed.path, await this.#source.read(placed.size));
  }
}

function misplaced({ path }: PlacedEntry): SealiftError {
  return new SealiftError("BUNDLE_INVALID", `expected manifests and configs before all layers, got ${path} after one`, {
    hint: "do not use this bundle: whoever signed it did not make it with Sealift",
  });
}
