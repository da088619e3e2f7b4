import {
  type BundleEntry,
  type BundleImage,
  blobPath,
  entriesOf,
  type PlacedEntry,
} from "../../bundle/format/index.js";
import { SealiftError } from "../../errors/index.js";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  MAX_CONFIG_SIZE,
  MAX_MANIFEST_SIZE,
  type RawManifest,
} from "../../oci/index.js";
import { ALL_CHILDREN, type ImageGraph, walkImage } from "../graph/image-graph.js";
import { MetadataReader, type MetadataSource } from "../graph/metadata-reader.js";
import { graphsOf } from "../graph/referrer-graph.js";
import type { WalkedImage } from "./documents.js";
import { inParts } from "./in-parts.js";
import type { ReadableBundle } from "./open-bundle.js";
import { walkReferrers } from "./verify-referrers.js";

/** The entries of a bundle by digest, with the small ones read and verified on demand. */
export class BundleContent {
  readonly #bundle: ReadableBundle;
  readonly #entries: ReadonlyMap<Digest, PlacedEntry>;
  /** The sizes of the blobs that are left out, and so are not among the entries. */
  readonly #absent: ReadonlyMap<Digest, number>;
  readonly #leftOut: ReadonlySet<Digest>;

  readonly #verified = new Set<Digest>();

  constructor(bundle: ReadableBundle) {
    this.#bundle = bundle;
    // The documents are no blobs, even if a blob has the very same bytes.
    const blobs = bundle.layout.entries.filter(isBlob);
    this.#entries = new Map(blobs.map((placed) => [placed.entry.digest, placed]));
    this.#leftOut = new Set(bundle.index.delta?.leftOut.map(({ digest }) => digest));
    this.#absent = new Map(absentEntries(bundle).map(({ digest, size }) => [digest, size]));
  }

  /** The digests of all entries that were read and found right so far. */
  get verified(): ReadonlySet<Digest> {
    return this.#verified;
  }

  /** Whether the bundle has an entry with this digest. */
  holds({ digest }: Descriptor): boolean {
    return this.#entries.has(digest);
  }

  /** The entry with this digest, if the bundle has one. */
  find(digest: Digest): PlacedEntry | undefined {
    return this.#entries.get(digest);
  }

  /**
   * Whether a layer is left out of the bundle, since the far side has it.
   *
   * @throws SealiftError `SIZE_MISMATCH` if the index states another size for it.
   */
  isAbsent({ digest, size }: Descriptor): boolean {
    const stated = this.#absent.get(digest);
    if (stated === undefined) return false;
    assertSize(digest, size, stated);
    return true;
  }

  /**
   * Where the content of a descriptor lies.
   *
   * @throws SealiftError `BUNDLE_INVALID` if the bundle does not hold it, or with another size.
   */
  locate(descriptor: Descriptor): PlacedEntry {
    const placed = this.#entries.get(descriptor.digest);
    if (placed === undefined) {
      throw new SealiftError("BUNDLE_INVALID", `expected the bundle to hold ${descriptor.digest}, got no such entry`, {
        hint: "an image in it is not whole: export it again",
      });
    }
    assertSize(descriptor.digest, descriptor.size, placed.size);
    return placed;
  }

  /**
   * All that an image of the bundle consists of, and what refers to it. What the
   * index states as omitted is not looked for; anything else must be there, but
   * for layers that a delta leaves out.
   *
   * @throws SealiftError `BUNDLE_INVALID`, `SIZE_MISMATCH`, `DIGEST_MISMATCH`,
   * `MANIFEST_INVALID`, `UNSUPPORTED_MANIFEST`, `MEDIUM_FAILED`.
   */
  async walk(image: BundleImage): Promise<WalkedImage> {
    const omitted = new Set(image.omitted.map(({ descriptor }) => descriptor.digest));
    const metadata = new MetadataReader(this.#source);
    const graph = await walkImage(image.root, metadata, ALL_CHILDREN, omitted);
    const walked = { image, graph, referrers: await walkReferrers(image, graph, metadata) };
    const graphs = graphsOf(walked);
    for (const graph of graphs) this.#assertNeeded(graph);
    for (const blob of graphs.flatMap(({ blobs }) => blobs)) if (!this.isAbsent(blob)) this.locate(blob);
    const unstated = graphs.flatMap(({ foreignLayers }) => foreignLayers).find(({ digest }) => !omitted.has(digest));
    if (unstated !== undefined) {
      throw new SealiftError(
        "BUNDLE_INVALID",
        `expected the index to state the omission of foreign layer ${unstated.digest} of ${image.name}, got nothing`,
        {
          hint: "an image in it is not whole: export it again",
        },
      );
    }
    return walked;
  }

  /** The verified bytes of a small entry. */
  async read(descriptor: Descriptor, maxSize: number): Promise<Uint8Array> {
    const placed = this.locate(descriptor);
    const { size } = placed;
    if (size > maxSize) {
      throw new SealiftError(
        "BUNDLE_INVALID",
        `expected ${descriptor.digest} to have at most ${maxSize} bytes, got ${size}`,
      );
    }
    const bytes = await this.#bundle.readEntry(placed);
    const came = digestOf(bytes, digestAlgorithm(descriptor.digest));
    await inParts(this.#bundle.source, placed, () =>
      assertDigest(descriptor.digest, came, `entry ${descriptor.digest}`),
    );
    this.#verified.add(descriptor.digest);
    return bytes;
  }

  /** Nothing but layers may be left out: all else says what they are. */
  #assertNeeded({ manifests, platformManifests }: ImageGraph): void {
    const needed = [
      ...manifests.map(({ descriptor }) => descriptor),
      ...platformManifests.map(({ manifest }) => manifest.config),
    ];
    const missing = needed.find(({ digest }) => this.#leftOut.has(digest));
    if (missing === undefined) return;
    throw new SealiftError("BUNDLE_INVALID", `expected only layers to be left out, got ${missing.digest}`, {
      hint: "do not use this bundle: whoever signed it did not make it with Sealift",
    });
  }

  readonly #source: MetadataSource = {
    manifest: async (descriptor): Promise<RawManifest> => ({
      descriptor,
      bytes: await this.read(descriptor, MAX_MANIFEST_SIZE),
    }),
    config: (descriptor) => this.read(descriptor, MAX_CONFIG_SIZE),
  };
}

/** Whether an entry is content of an image, and not one of the documents that name the images. */
export function isBlob({ entry: { path, digest } }: Pick<PlacedEntry, "entry">): boolean {
  return path === blobPath(digest);
}

/** The entries of the index that are left out of this form of the bundle, in their order. */
export function absentEntries({ index, form }: Pick<ReadableBundle, "index" | "form">): readonly BundleEntry[] {
  if (form === "full") return [];
  const present = new Set(entriesOf(index, form));
  return index.entries.filter((entry) => !present.has(entry));
}

function assertSize(digest: Digest, size: number, came: number): void {
  if (came === size) return;
  throw new SealiftError("SIZE_MISMATCH", `expected ${digest} to have ${size} bytes, got an entry of ${came}`, {
    hint: "the manifest that names it lies, or the bundle does: export it again",
  });
}

/**
 * Compares the digest of bytes of the bundle with the one that the index states.
 *
 * @throws SealiftError `DIGEST_MISMATCH`.
 */
export function assertDigest(expected: Digest, came: Digest, what: string): void {
  if (came === expected) return;
  throw new SealiftError("DIGEST_MISMATCH", `expected ${what} of the bundle to have digest ${expected}, got ${came}`, {
    hint: "the bundle is damaged there: copy it again from where it was made, and check the medium",
  });
}
