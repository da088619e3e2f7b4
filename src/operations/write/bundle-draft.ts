import {
  type BundleIdentity,
  type BundleImage,
  type BundleIndex,
  blobPath,
  FORMAT_VERSION,
  type Omission,
  referrerKey,
} from "../../bundle/format/index.js";
import { type Descriptor, digestOf, formatPlatform, isUnknownPlatform } from "../../oci/index.js";
import type { ImageSource } from "../../ports/index.js";
import type { CollectedImage, Collection } from "../collect/collect-images.js";
import { blobsInOrder } from "../graph/entry-order.js";
import { graphsOf } from "../graph/referrer-graph.js";
import { encodeDocuments } from "../read/documents.js";

/** A bundle before its first layer is downloaded: all that will be in it is known. */
export interface BundleDraft {
  readonly index: BundleIndex;
  /** The entries whose bytes are at hand, by path. */
  readonly known: ReadonlyMap<string, Uint8Array>;
  /** The entries whose bytes are still to be downloaded, by path. */
  readonly downloads: ReadonlyMap<string, Download>;
}

/** A blob, and where it can be had. */
export interface Download {
  readonly descriptor: Descriptor;
  readonly source: ImageSource;
}

/**
 * Decides what goes into a bundle, and in which order: the documents that name
 * the images, then manifests and configs, then layers; each group by digest, so
 * that the same images give the same bundle.
 *
 * @throws SealiftError `SIZE_MISMATCH` if two manifests state different sizes for one digest.
 */
export function draftBundle(collection: Collection, identity: BundleIdentity, keyId: string): BundleDraft {
  const collected = collection.images.toSorted((a, b) => compare(a.name, b.name));
  const walked = collected.map((image) => ({ ...image, image: describeImage(image) }));
  const images = walked.map(({ image }) => image);
  const documents = encodeDocuments(walked);
  const known = new Map(documents);
  const downloads = new Map<string, Download>();
  for (const { graphs, source } of collected.map((image) => ({ graphs: graphsOf(image), source: image.source }))) {
    for (const { descriptor, bytes } of graphs.flatMap(({ manifests }) => manifests)) {
      known.set(blobPath(descriptor.digest), bytes);
    }
    for (const descriptor of graphs.flatMap(({ blobs }) => blobs)) {
      const path = blobPath(descriptor.digest);
      const bytes = collection.configs.get(descriptor.digest);
      if (bytes !== undefined) known.set(path, bytes);
      else if (!downloads.has(path)) downloads.set(path, { descriptor, source });
    }
  }
  const entries = [
    ...[...documents].map(([path, bytes]) => ({ path, digest: digestOf(bytes), size: bytes.length })),
    ...blobsInOrder(collected.flatMap(graphsOf)).map(({ digest, size }) => ({ path: blobPath(digest), digest, size })),
  ];
  for (const path of known.keys()) downloads.delete(path);
  return { index: { formatVersion: FORMAT_VERSION, identity, keyId, images, entries }, known, downloads };
}

function describeImage(collected: CollectedImage): BundleImage {
  const { requested, name, repository, graph } = collected;
  const { mediaType, digest, size } = graph.root;
  const platforms = graph.platformManifests.flatMap(({ platform }) =>
    platform === undefined || isUnknownPlatform(platform) ? [] : formatPlatform(platform),
  );
  const foreignLayers = new Map(
    graphsOf(collected).flatMap((part) => part.foreignLayers.map((layer) => [layer.digest, layer] as const)),
  );
  const omitted: Omission[] = [
    ...graph.omittedManifests.map((descriptor) => ({ descriptor, reason: "platform" as const })),
    ...[...foreignLayers.values()].map((descriptor) => ({ descriptor, reason: "foreign-layer" as const })),
  ];
  const referrers = new Map(collected.referrers.map(({ referrer }) => [referrerKey(referrer), referrer]));
  return {
    name,
    requested,
    source: repository,
    root: { mediaType, digest, size },
    platforms: [...new Set(platforms)],
    omitted,
    ...(referrers.size === 0 ? {} : { referrers: sortedByKey(referrers) }),
  };
}

function sortedByKey<T>(items: ReadonlyMap<string, T>): T[] {
  return [...items].sort(([a], [b]) => compare(a, b)).map(([, item]) => item);
}

// By code unit, so that no locale changes the order.
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
