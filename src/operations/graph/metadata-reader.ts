import pLimit from "p-limit";
import { SealiftError } from "../../errors/index.js";
import type { Descriptor, Digest, RawManifest } from "../../oci/index.js";

/** Where manifests and configs come from. */
export interface MetadataSource {
  /** As `ImageSource.fetchManifest`. */
  manifest(descriptor: Descriptor): Promise<RawManifest>;
  /** The verified bytes of an image config, at most `MAX_CONFIG_SIZE`. */
  config(descriptor: Descriptor): Promise<Uint8Array>;
}

// As many as an export downloads at a time by default.
const MAX_PARALLEL_FETCHES = 4;

// The largest published images have a few hundred manifests of a few KiB. An
// index may list thousands of manifests of 4 MiB each, which no memory holds.
const MAX_METADATA_BYTES = 16 * 1024 * 1024;

// A walk asks for a manifest three times at most, and again where it is an
// attestation. A thousand referrers may also share one of megabytes, and keep
// whoever parses it for each of them busy until memory ends.
const MAX_BYTES_GIVEN = 4 * MAX_METADATA_BYTES;

/** Reads the manifests and configs of one image, and of what refers to it: each once, and not more than memory holds. */
export class MetadataReader {
  readonly #source: MetadataSource;
  readonly #manifests = new Map<Digest, Promise<RawManifest>>();
  readonly #configs = new Map<Digest, Promise<Uint8Array>>();
  readonly #sizes = new SizeLedger();
  #bytes = 0;
  /** What is given again counts again. */
  #bytesGiven = 0;

  constructor(source: MetadataSource) {
    this.#source = source;
  }

  /** Whether more was asked for than is read of one image. */
  get isExhausted(): boolean {
    return this.#bytes > MAX_METADATA_BYTES || this.#bytesGiven > MAX_BYTES_GIVEN;
  }

  /**
   * A manifest.
   *
   * @throws SealiftError what the source throws; `SIZE_MISMATCH`; `MANIFEST_INVALID` if it was too much.
   */
  async manifest(descriptor: Descriptor): Promise<RawManifest> {
    const raw = this.#manifests.get(descriptor.digest) ?? this.#readManifest(descriptor);
    this.#manifests.set(descriptor.digest, raw);
    // Another place may name the same bytes as something else.
    return { descriptor, bytes: this.#give((await raw).bytes, descriptor) };
  }

  /**
   * The bytes of a config.
   *
   * @throws SealiftError as {@link manifest}.
   */
  async config(descriptor: Descriptor): Promise<Uint8Array> {
    const bytes = this.#configs.get(descriptor.digest) ?? this.#readConfig(descriptor);
    this.#configs.set(descriptor.digest, bytes);
    return this.#give(await bytes, descriptor);
  }

  /**
   * Notes the size that a descriptor states.
   *
   * @throws SealiftError `SIZE_MISMATCH`.
   */
  note(descriptor: Descriptor): void {
    this.#sizes.note(descriptor);
  }

  async #readManifest(descriptor: Descriptor): Promise<RawManifest> {
    this.note(descriptor);
    const raw = await this.#source.manifest(descriptor);
    // The source may have had these bytes from another image, which stated their size right.
    this.note({ ...descriptor, size: raw.bytes.length });
    this.#count(raw.bytes, descriptor);
    return raw;
  }

  async #readConfig(descriptor: Descriptor): Promise<Uint8Array> {
    const bytes = await this.#source.config(descriptor);
    this.#count(bytes, descriptor);
    return bytes;
  }

  #count(bytes: Uint8Array, descriptor: Descriptor): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= MAX_METADATA_BYTES) return;
    throw boundless(descriptor, `more than ${MAX_METADATA_BYTES / 2 ** 20} MiB of manifests and configs in one image`);
  }

  #give(bytes: Uint8Array, descriptor: Descriptor): Uint8Array {
    this.#bytesGiven += bytes.length;
    if (this.#bytesGiven <= MAX_BYTES_GIVEN) return bytes;
    throw boundless(descriptor, "manifests that are named again and again in one image");
  }
}

/** Runs a task for each item, some at a time: in turn, each would cost a slow line a round trip. */
export async function inParallel<T, U>(items: readonly T[], task: (item: T) => Promise<U>): Promise<U[]> {
  const limit = pLimit(MAX_PARALLEL_FETCHES);
  return await Promise.all(items.map((item) => limit(() => task(item))));
}

/** Notes the size that each digest is stated with, and refuses a second one. */
export class SizeLedger {
  readonly #sizes = new Map<Digest, number>();

  /** @throws SealiftError `SIZE_MISMATCH` if the digest was noted with another size. */
  note({ digest, size }: Descriptor): void {
    const other = this.#sizes.get(digest) ?? size;
    this.#sizes.set(digest, other);
    if (other === size) return;
    throw new SealiftError("SIZE_MISMATCH", `expected one size for ${digest}, got ${other} and ${size}`, {
      hint: "a manifest states a wrong size: ask whoever published the image",
    });
  }
}

/** The error for an image that nobody would make for use. */
export function boundless(descriptor: Descriptor, what: string): SealiftError {
  return new SealiftError(
    "MANIFEST_INVALID",
    `expected an image of ordinary size, got ${what}, at ${descriptor.digest}`,
  );
}
