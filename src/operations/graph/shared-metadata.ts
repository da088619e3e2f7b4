import { type Descriptor, type Digest, MAX_CONFIG_SIZE, type RawManifest } from "../../oci/index.js";
import type { ImageSource, Op } from "../../ports/index.js";
import type { MetadataSource } from "./metadata-reader.js";
import { readBlob } from "./read-blob.js";

/** The verified bytes of a manifest or config that is at hand; undefined if it is not. */
export type KnownBytes = (descriptor: Descriptor) => Promise<Uint8Array | undefined>;

/** The manifests and configs of all images of a run: each is had once, and from a registry only if it must. */
export class SharedMetadata {
  readonly #known: KnownBytes;
  readonly #manifests = new OncePerDigest<RawManifest>();
  readonly #configs = new OncePerDigest<Uint8Array>();

  constructor(known: KnownBytes = async () => undefined) {
    this.#known = known;
  }

  /** The bytes of all configs so far. */
  get configs(): ReadonlyMap<Digest, Uint8Array> {
    return this.#configs.values;
  }

  /** Reads what one image consists of; what nobody has read yet comes from `source`. */
  from(source: ImageSource, op: Op): MetadataSource {
    return {
      manifest: (descriptor) =>
        this.#manifests.get(descriptor, async () => {
          const bytes = await this.#known(descriptor);
          return bytes === undefined ? await source.fetchManifest(descriptor, op) : { descriptor, bytes };
        }),
      config: (descriptor) =>
        this.#configs.get(
          descriptor,
          async () => (await this.#known(descriptor)) ?? (await readBlob(source, descriptor, MAX_CONFIG_SIZE, op)),
        ),
    };
  }
}

/** Has each value fetched once, also by those who want it at the same time. */
class OncePerDigest<T> {
  readonly #fetches = new Map<Digest, Promise<T>>();
  readonly values = new Map<Digest, T>();

  async get({ digest }: Descriptor, fetch: () => Promise<T>): Promise<T> {
    for (;;) {
      const value = this.values.get(digest);
      if (value !== undefined) return value;
      const other = this.#fetches.get(digest);
      if (other === undefined) break;
      // Where another image did not get it, this one still may: it comes from elsewhere.
      await other.catch(() => undefined);
    }
    const fetched = fetch();
    this.#fetches.set(digest, fetched);
    try {
      const value = await fetched;
      this.values.set(digest, value);
      return value;
    } finally {
      this.#fetches.delete(digest);
    }
  }
}
