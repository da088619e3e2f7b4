import { isSealiftError } from "../../errors/index.js";
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
} from "../../oci/index.js";
import { boundless, inParallel, type MetadataReader } from "./metadata-reader.js";

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

/** Selects all of them. */
export const ALL_CHILDREN: ChildSelector = (children) => children;

const NONE: ReadonlySet<Digest> = new Set();

/**
 * Reads everything below `root`.
 *
 * @param omitted - Children that are known to be left out: nothing is read of them, not even their platform.
 * @throws SealiftError what the metadata's source throws; `MANIFEST_INVALID` for
 * malformed or boundless content, `UNSUPPORTED_MANIFEST` for media types that
 * are not carried.
 */
export async function walkImage(
  root: Descriptor,
  metadata: MetadataReader,
  select: ChildSelector,
  omitted: ReadonlySet<Digest> = NONE,
): Promise<ImageGraph> {
  const walk = new Walk(metadata, select, omitted);
  await walk.visit(root, undefined, 0);
  return walk.graph(root);
}

class Walk {
  readonly #metadata: MetadataReader;
  readonly #select: ChildSelector;
  readonly #leftOut: ReadonlySet<Digest>;
  readonly #visited = new Set<Digest>();
  readonly #manifests: RawManifest[] = [];
  readonly #platformManifests: PlatformManifest[] = [];
  readonly #omitted: Descriptor[] = [];

  constructor(metadata: MetadataReader, select: ChildSelector, leftOut: ReadonlySet<Digest>) {
    this.#metadata = metadata;
    this.#select = select;
    this.#leftOut = leftOut;
  }

  async visit(descriptor: Descriptor, platform: Platform | undefined, depth: number): Promise<void> {
    if (this.#visited.has(descriptor.digest)) return;
    this.#visited.add(descriptor.digest);
    if (depth > MAX_DEPTH) throw boundless(descriptor, `indexes nested deeper than ${MAX_DEPTH} levels`);
    const raw = await this.#metadata.manifest(descriptor);
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
      this.#metadata.note(manifest.config);
      configs.set(manifest.config.digest, manifest.config);
    }
    for (const layer of this.#platformManifests.flatMap(({ manifest }) => manifest.layers)) {
      this.#metadata.note(layer);
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
    for (const descriptor of index.manifests) this.#metadata.note(descriptor);
    this.#omitted.push(...index.manifests.filter(({ digest }) => this.#leftOut.has(digest)));
    const left = index.manifests.filter(({ digest }) => !this.#leftOut.has(digest));
    const children = await inParallel(left, async (descriptor) => {
      return { descriptor, platform: descriptor.platform ?? (await this.#childPlatform(descriptor)) };
    });
    const chosen = new Set(this.#select(children));
    await inParallel([...chosen], ({ descriptor }) => this.#metadata.manifest(descriptor));
    for (const child of children) {
      if (chosen.has(child)) await this.visit(child.descriptor, child.platform, depth + 1);
      else this.#omitted.push(child.descriptor);
    }
  }

  // The platform of a descriptor is optional (image-index.md); the config has it then.
  async #childPlatform(descriptor: Descriptor): Promise<Platform | undefined> {
    if (isIndexMediaType(descriptor.mediaType)) return undefined;
    const parsed = parseManifest(await this.#metadata.manifest(descriptor));
    return parsed.kind === "manifest" ? this.#configPlatform(parsed) : undefined;
  }

  async #configPlatform({ config }: ImageManifest): Promise<Platform | undefined> {
    if (!isImageConfigMediaType(config.mediaType)) return undefined;
    const bytes = await this.#metadata.config(config);
    try {
      return parseImageConfig(bytes, config.digest).platform;
    } catch (error) {
      // Signatures and other artifacts borrow the type of image configs without being any.
      if (isSealiftError(error, "MANIFEST_INVALID") && !isAmbiguousJson(error)) return undefined;
      throw error;
    }
  }
}
