import {
  type BundleImage,
  chooseLoadable,
  DOCKER_MANIFEST_PATH,
  encodeDockerManifest,
  encodeOciIndex,
  encodeOciLayout,
  type LoadableImage,
  MAX_READABLE_DOCKER_MANIFEST,
  OCI_INDEX_PATH,
  OCI_LAYOUT_PATH,
} from "../../bundle/format/index.js";
import { SealiftError } from "../../errors/index.js";
import { digestOf, isForeignLayerMediaType } from "../../oci/index.js";
import type { ImageGraph } from "../graph/image-graph.js";
import type { WalkedReferrer } from "../graph/referrer-graph.js";
import type { ReadableBundle } from "./open-bundle.js";

/** An image with all that it consists of, and what refers to it. */
export interface WalkedImage {
  readonly image: BundleImage;
  readonly graph: ImageGraph;
  /** Each after what it is about. */
  readonly referrers: readonly WalkedReferrer[];
}

// What refers to an image is no image: other readers find it where the image's root is.
type NamedGraph = Omit<WalkedImage, "referrers">;

/**
 * The files that name the images for other readers, by path, in the order of the
 * tar. They follow from the images alone.
 *
 * @param images - In the order of the index.
 */
export function encodeDocuments(images: readonly NamedGraph[]): ReadonlyMap<string, Uint8Array> {
  return new Map([
    [OCI_LAYOUT_PATH, encodeOciLayout()],
    [OCI_INDEX_PATH, encodeOciIndex(images.map(({ image }) => image))],
    [DOCKER_MANIFEST_PATH, encodeDockerManifest(images.flatMap(loadableImage))],
  ]);
}

/**
 * Says, in a sentence each, which readers will not load what the bundle holds.
 *
 * @param documents - What {@link encodeDocuments} gave; further files do not matter.
 */
export function documentWarnings(documents: ReadonlyMap<string, Uint8Array>): string[] {
  const size = documents.get(DOCKER_MANIFEST_PATH)?.length ?? 0;
  if (size <= encodeDockerManifest([]).length) {
    return [
      "docker load finds no image in this bundle, unless Docker uses its containerd store, since none is for Linux and has all its layers: send it to a registry with sealift import.",
    ];
  }
  if (size <= MAX_READABLE_DOCKER_MANIFEST) return [];
  return [
    `podman load and skopeo's docker-archive: refuse this bundle, since its manifest.json has ${size} bytes, and they read ${MAX_READABLE_DOCKER_MANIFEST}: export fewer images into one bundle for them.`,
  ];
}

/**
 * Checks that the documents which other readers believe name the images of the
 * index, and nothing else.
 *
 * @throws SealiftError `BUNDLE_INVALID`.
 */
export function assertDocuments({ layout }: ReadableBundle, images: readonly WalkedImage[]): void {
  for (const [position, [path, bytes]] of [...encodeDocuments(images)].entries()) {
    const stated = layout.entries[position]?.entry.digest;
    if (stated === digestOf(bytes)) continue;
    throw new SealiftError("BUNDLE_INVALID", `expected ${path} to name the images of the index, got something else`, {
      hint: "do not use this bundle: whoever signed it did not make it with Sealift",
    });
  }
}

/**
 * What `manifest.json` names of an image; nothing if no runtime for Linux can
 * load it. A manifest with a layer that is left out would break the load of all
 * the others.
 */
function loadableImage({ image, graph }: NamedGraph): LoadableImage[] {
  const candidates = graph.platformManifests.flatMap(({ manifest, platform }) => {
    const isWhole = !manifest.layers.some(({ mediaType }) => isForeignLayerMediaType(mediaType));
    return platform === undefined || !isWhole ? [] : [{ platform, config: manifest.config, layers: manifest.layers }];
  });
  const manifest = chooseLoadable(candidates);
  return manifest === undefined ? [] : [{ name: image.name, manifest }];
}
