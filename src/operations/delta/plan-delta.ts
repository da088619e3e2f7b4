import { type BundleIndex, blobPath, type Delta, type LeftOutBlob } from "../../bundle/format/index.js";
import { type Descriptor, type Digest, parseReference } from "../../oci/index.js";
import type { EventListener } from "../../ports/index.js";
import type { CollectedImage } from "../collect/collect-images.js";
import { blobsInOrder } from "../graph/entry-order.js";
import { graphsOf } from "../graph/referrer-graph.js";
import { isBlob } from "../read/bundle-content.js";
import type { HeldBlobs } from "./held-blobs.js";
import { describeBase } from "./left-out.js";

/**
 * Leaves out of a bundle the layers that the far side has. Manifests and configs
 * stay: they say what the images are, and everything is checked by them.
 *
 * @returns the index as it is if there is nothing to leave out.
 */
export function leaveOut(
  index: BundleIndex,
  images: readonly CollectedImage[],
  held: readonly HeldBlobs[],
  onEvent: EventListener,
): BundleIndex {
  const layers = layersOf(images);
  const leftOut = index.entries.flatMap(({ digest }) => {
    const layer = layers.get(digest);
    const place = layer && placeOf(layer, held);
    return place === undefined ? [] : [{ digest, ...place }];
  });
  for (const [at, { base }] of held.entries()) {
    if (leftOut.some((blob) => blob.base === at)) continue;
    onEvent({ type: "warning", text: `nothing is left out for ${describeBase(base)}: it has nothing of these images` });
  }
  if (leftOut.length === 0) return index;
  const blobs = blobsInOrder(images.flatMap(graphsOf), new Set(leftOut.map(({ digest }) => digest)));
  const entries = [
    ...index.entries.filter((entry) => !isBlob({ entry })),
    ...blobs.map(({ digest, size }) => ({ path: blobPath(digest), digest, size })),
  ];
  return { ...index, entries, delta: describeDelta(leftOut, held) };
}

interface Layer {
  readonly descriptor: Descriptor;
  /** The repositories that need it, sorted. */
  readonly wanted: readonly string[];
}

function layersOf(images: readonly CollectedImage[]): ReadonlyMap<Digest, Layer> {
  const graphs = images.flatMap((image) => graphsOf(image));
  const needed = new Set<Digest>();
  for (const { manifests, platformManifests } of graphs) {
    for (const { descriptor } of manifests) needed.add(descriptor.digest);
    for (const { manifest } of platformManifests) needed.add(manifest.config.digest);
  }
  const layers = new Map<Digest, { descriptor: Descriptor; wanted: Set<string> }>();
  for (const image of images) {
    const { repository } = parseReference(image.name);
    for (const descriptor of graphsOf(image).flatMap(({ blobs }) => blobs)) {
      if (needed.has(descriptor.digest)) continue;
      const layer = layers.get(descriptor.digest) ?? { descriptor, wanted: new Set() };
      layers.set(descriptor.digest, layer);
      layer.wanted.add(repository);
    }
  }
  return new Map(
    [...layers].map(([digest, { descriptor, wanted }]) => [digest, { descriptor, wanted: [...wanted].sort() }]),
  );
}

/** Rather where the layer is needed, since it need not be mounted then; else the first place that is known. */
function placeOf({ descriptor, wanted }: Layer, held: readonly HeldBlobs[]): Omit<LeftOutBlob, "digest"> | undefined {
  const places = held.flatMap((source, base) =>
    source.repositoriesOf(descriptor, wanted).map((repository) => ({ base, repository })),
  );
  // In an inventory, they have the prefix that they were imported with.
  const isNear = ({ repository }: { readonly repository: string }) =>
    wanted.some((name) => repository === name || repository.endsWith(`/${name}`));
  return places.find(isNear) ?? places[0];
}

/** With those bases only that something is left out for. */
function describeDelta(leftOut: readonly LeftOutBlob[], held: readonly HeldBlobs[]): Delta {
  const used = [...new Set(leftOut.map(({ base }) => base))].sort((a, b) => a - b);
  const positions = new Map(used.map((base, at) => [base, at]));
  return {
    bases: held.flatMap(({ base }, at) => (positions.has(at) ? [base] : [])),
    leftOut: leftOut.map(({ digest, base, repository }) => ({ digest, base: positions.get(base) ?? 0, repository })),
  };
}
