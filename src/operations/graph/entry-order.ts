import { blobPath } from "../../bundle/format/index.js";
import { type Descriptor, type Digest, MAX_CONFIG_SIZE } from "../../oci/index.js";
import type { ImageGraph } from "./image-graph.js";
import { SizeLedger } from "./metadata-reader.js";

const NONE: ReadonlySet<Digest> = new Set();

/**
 * All that images consist of, each once, in the order of the tar: first what
 * says what the images are, which are manifests and configs, then the layers.
 * So whoever reads a bundle through a pipe knows all of them before the first
 * layer comes; and since those that a delta leaves out are the first layers,
 * also whether they are there. A config that is too large to be one of an image, and so an
 * artifact's, has its place among the layers: nobody has to keep it.
 *
 * @throws SealiftError `SIZE_MISMATCH` if two manifests state different sizes for one digest.
 */
export function blobsInOrder(
  graphs: readonly ImageGraph[],
  leftOut: ReadonlySet<Digest> = NONE,
): readonly Descriptor[] {
  const sizes = new SizeLedger();
  const metadata = new Map<Digest, Descriptor>();
  const others = new Map<Digest, Descriptor>();
  const configs = graphs.flatMap(({ platformManifests }) => platformManifests.map(({ manifest }) => manifest.config));
  const manifests = graphs.flatMap((graph) => graph.manifests.map(({ descriptor }) => descriptor));
  for (const descriptor of [...manifests, ...configs.filter(({ size }) => size <= MAX_CONFIG_SIZE)]) {
    metadata.set(descriptor.digest, descriptor);
  }
  for (const descriptor of graphs.flatMap(({ blobs }) => blobs)) {
    if (!metadata.has(descriptor.digest)) others.set(descriptor.digest, descriptor);
    sizes.note(descriptor);
  }
  for (const descriptor of metadata.values()) sizes.note(descriptor);
  const layers = [...others.values()];
  return [
    ...sorted(metadata.values()),
    ...sorted(layers.filter(({ digest }) => leftOut.has(digest))),
    ...sorted(layers.filter(({ digest }) => !leftOut.has(digest))),
  ];
}

// By code unit, so that no locale changes the order.
function sorted(descriptors: Iterable<Descriptor>): Descriptor[] {
  const paths = [...descriptors].map((descriptor) => ({ path: blobPath(descriptor.digest), descriptor }));
  return paths.sort((a, b) => (a.path < b.path ? -1 : 1)).map(({ descriptor }) => descriptor);
}
