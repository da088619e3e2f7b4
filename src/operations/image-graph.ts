import pLimit from "p-limit";
import { isSealiftError, SealiftError } from "../errors/index.js";
import {
  type Descriptor,
  type Digest,
  type ImageIndex,
  type ImageManifest,
  isAmbiguousJson,
  isForeignLayerMediaType,
  isImageConfigMediaType,
  isIndexMediaType,
  type Platform,
  parseImageConfig,
  parseManifest,
  type RawManifest,
} from "../oci/index.js";

/** An image manifest in a graph, with the platform it is for if that can be known. */
export interface PlatformManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  /** Undefined for artifacts and for configs that state none. */
  readonly platform: Platform | undefined;
}

/** All that hangs below the manifest or index an image's name stands for. */
export interface ImageGraph {
  readonly root: Descriptor;
  /** Children before the indexes that list them; the root is last. */
  readonly manifests: readonly RawManifest[];
  readonly platformManifests: readonly PlatformManifest[];
  /** Configs first, then layers; each once. */
  readonly blobs: readonly Descriptor[];
  /** Children of indexes that the walk was told to leave out. */
  readonly omittedManifests: readonly Descriptor[];
  readonly foreignLayers: readonly Descriptor[];
}

/** Where a walk gets content from. */
export interface GraphReader {
  /** As `ImageSource.fetchManifest`. */
  manifest(descriptor: Descriptor): Promise<RawManifest>;
  /** The verified bytes of an image config, at most `MAX_CONFIG_SIZE`. */
  config(descriptor: Descriptor): Promise<Uint8Array>;
}

/** Chooses the children of an index that are walked. */
export type ChildSelector = (children: readonly IndexChild[]) => readonly IndexChild[];

/** A child of an index, with its platform: the one its descriptor states, else its config's. */
export interface IndexChild {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
}

// Indexes within indexes are allowed, and two levels are in use; without a
// bound, a hostile registry could keep a walk busy for ever.
const MAX_DEPTH = 8;

// As many as an export downloads at a time by default.
const MAX_PARALLEL_FETCHES = 4;

// The largest published images have a few hundred manifests of a few KiB. An
// index may list thousands of manifests of 4 MiB each, which no memory holds.
const MAX_METADATA_BYTES = 16 * 1024 * 1024;

/**
 * Reads everything below `root`.
 *
 * @throws SealiftError what the reader throws; `MANIFEST_INVALID` for
 * malformed or boundless content, `UNSUPPORTED_MANIFEST` for media types that
 * are not carried.
 */
export async function walkImage(root: Descriptor, reader: GraphReader, select: ChildSelector): Promise<ImageGraph> {
  const walk = new Walk(reader, select);
  await walk.visit(root, undefined, 0);
  return walk.graph(root);
}

class Walk {
  readonly #reader: GraphReader;
  readonly #select: ChildSelector;
  readonly #visited = new Set<Digest>();
  readonly #manifests: RawManifest[] = [];
  readonly #platformManifests: PlatformManifest[] = [];
  readonly #omitted: Descriptor[] = [];
  readonly #raw = new Map<Digest, Promise<RawManifest>>();
  readonly #sizes = new SizeLedger();
  #bytes = 0;

  constructor(reader: GraphReader, select: ChildSelector) {
    this.#reader = reader;
    this.#select = select;
  }

  async visit(descriptor: Descriptor, platform: Platform | undefined, depth: number): Promise<void> {
    if (this.#visited.has(descriptor.digest)) return;
    this.#visited.add(descriptor.digest);
    if (depth > MAX_DEPTH) throw boundless(descriptor, `indexes nested deeper than ${MAX_DEPTH} levels`);
    const raw = await this.#fetch(descriptor);
    const parsed = parseManifest(raw);
    if (parsed.kind === "index") await this.#visitChildren(parsed, depth);
    else {
      const known = platform ?? (await this.#configPlatform(parsed));
      this.#platformManifests.push({ descriptor, manifest: parsed, platform: known });
    }
    this.#manifests.push(raw);
  }

  graph(root: Descriptor): ImageGraph {
    const configs = new Map<Digest, Descriptor>();
    const layers = new Map<Digest, Descriptor>();
    const foreignLayers = new Map<Digest, Descriptor>();
    for (const { manifest } of this.#platformManifests) {
      this.#sizes.note(manifest.config);
      configs.set(manifest.config.digest, manifest.config);
    }
    for (const layer of this.#platformManifests.flatMap(({ manifest }) => manifest.layers)) {
      this.#sizes.note(layer);
      const kind = isForeignLayerMediaType(layer.mediaType) ? foreignLayers : layers;
      if (!configs.has(layer.digest)) kind.set(layer.digest, layer);
    }
    return {
      root,
      manifests: this.#manifests,
      platformManifests: this.#platformManifests,
      blobs: [...configs.values(), ...layers.values()],
      // A child may be listed twice, and chosen once.
      omittedManifests: this.#omitted.filter(({ digest }) => !this.#visited.has(digest)),
      foreignLayers: [...foreignLayers.values()].filter(({ digest }) => !layers.has(digest)),
    };
  }

  async #visitChildren(index: ImageIndex, depth: number): Promise<void> {
    const children = await this.#inParallel(index.manifests, async (descriptor) => {
      this.#sizes.note(descriptor);
      return { descriptor, platform: descriptor.platform ?? (await this.#childPlatform(descriptor)) };
    });
    const chosen = new Set(this.#select(children));
    await this.#inParallel([...chosen], ({ descriptor }) => this.#fetch(descriptor));
    for (const child of children) {
      if (chosen.has(child)) await this.visit(child.descriptor, child.platform, depth + 1);
      else this.#omitted.push(child.descriptor);
    }
  }

  // The platform of a descriptor is optional (image-index.md); the config has it then.
  async #childPlatform(descriptor: Descriptor): Promise<Platform | undefined> {
    if (isIndexMediaType(descriptor.mediaType)) return undefined;
    const parsed = parseManifest(await this.#fetch(descriptor));
    return parsed.kind === "manifest" ? this.#configPlatform(parsed) : undefined;
  }

  async #configPlatform({ config }: ImageManifest): Promise<Platform | undefined> {
    if (!isImageConfigMediaType(config.mediaType)) return undefined;
    const bytes = await this.#reader.config(config);
    this.#count(bytes, config);
    try {
      return parseImageConfig(bytes, config.digest).platform;
    } catch (error) {
      // Signatures and other artifacts borrow the type of image configs without being any.
      if (isSealiftError(error, "MANIFEST_INVALID") && !isAmbiguousJson(error)) return undefined;
      throw error;
    }
  }

  // In turn, each child of an index would cost a slow line a round trip.
  async #inParallel<T, U>(items: readonly T[], task: (item: T) => Promise<U>): Promise<U[]> {
    const limit = pLimit(MAX_PARALLEL_FETCHES);
    return await Promise.all(items.map((item) => limit(() => task(item))));
  }

  async #fetch(descriptor: Descriptor): Promise<RawManifest> {
    const raw = this.#raw.get(descriptor.digest) ?? this.#read(descriptor);
    this.#raw.set(descriptor.digest, raw);
    // Another place may name the same bytes as something else.
    return { descriptor, bytes: (await raw).bytes };
  }

  async #read(descriptor: Descriptor): Promise<RawManifest> {
    this.#sizes.note(descriptor);
    const raw = await this.#reader.manifest(descriptor);
    // The reader may have had these bytes from another image, which stated their size right.
    this.#sizes.note({ ...descriptor, size: raw.bytes.length });
    this.#count(raw.bytes, descriptor);
    return raw;
  }

  #count(bytes: Uint8Array, descriptor: Descriptor): void {
    this.#bytes += bytes.length;
    if (this.#bytes <= MAX_METADATA_BYTES) return;
    throw boundless(descriptor, `more than ${MAX_METADATA_BYTES / 2 ** 20} MiB of manifests and configs in one image`);
  }
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

function boundless(descriptor: Descriptor, what: string): SealiftError {
  return new SealiftError(
    "MANIFEST_INVALID",
    `expected an image of ordinary size, got ${what}, at ${descriptor.digest}`,
  );
}
