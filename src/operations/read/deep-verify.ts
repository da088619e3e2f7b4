import { availableParallelism } from "node:os";
import { addAbortSignal, type Readable } from "node:stream";
import { SealiftError } from "../../errors/index.js";
import { unpackedDigest, verifiedStream } from "../../io/index.js";
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  isImageConfigMediaType,
  isUnknownPlatform,
  MAX_CONFIG_SIZE,
  parseImageConfig,
} from "../../oci/index.js";
import type { EventListener } from "../../ports/index.js";
import { runAll } from "../concurrency/run-all.js";
import type { PlatformManifest } from "../graph/image-graph.js";
import { assertDigest, type BundleContent } from "./bundle-content.js";
import type { WalkedImage } from "./documents.js";
import { inParts } from "./in-parts.js";
import type { OpenBundle } from "./open-bundle.js";

// No layer in use is larger unpacked; without a bound a few megabytes of zstd
// could keep a verification busy for days.
const MAX_UNPACKED_SIZE = 64 * 2 ** 30;

/** A layer that is to be unpacked. */
export interface PackedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

/**
 * Unpacks every layer of every image and compares its digest with the diffID
 * that the image's config states (image-spec config.md, "Layer DiffID"). The
 * stored bytes are verified in the same pass.
 *
 * @returns the digests of the layers that were checked.
 * @throws SealiftError as {@link layersToUnpack} and {@link assertDiffId}.
 */
export async function verifyLayers(
  bundle: OpenBundle,
  content: BundleContent,
  images: readonly WalkedImage[],
  options: { readonly onEvent: EventListener; readonly signal?: AbortSignal },
): Promise<ReadonlySet<Digest>> {
  const layers = await layersToUnpack(content, images);
  await runAll([...layers.values()], availableParallelism(), options.signal, (layer, signal) =>
    inParts(
      bundle.source,
      content.locate(layer.descriptor),
      () => verifyLayer(layer, bundle, content, { onEvent: options.onEvent, signal }),
      { signal },
    ),
  );
  return new Set(layers.keys());
}

/**
 * The layers that the bundle holds of images that can be run, by digest.
 *
 * @throws SealiftError `MANIFEST_INVALID` if a config does not fit its layers; as `BundleContent.read`.
 */
export async function layersToUnpack(
  content: BundleContent,
  images: readonly WalkedImage[],
): Promise<ReadonlyMap<Digest, PackedLayer>> {
  const layers = new Map<Digest, PackedLayer>();
  for (const platformManifest of images.flatMap(({ graph }) => graph.platformManifests)) {
    for (const layer of await layersOf(platformManifest, content)) {
      const other = layers.get(layer.descriptor.digest);
      if (other !== undefined && other.diffId !== layer.diffId) {
        throw new SealiftError(
          "MANIFEST_INVALID",
          `expected one diffID for layer ${layer.descriptor.digest}, got ${other.diffId} and ${layer.diffId} from two configs`,
        );
      }
      layers.set(layer.descriptor.digest, layer);
    }
  }
  return layers;
}

/**
 * Unpacks a layer and compares its digest with its diffID.
 *
 * @param stored - The layer as it is stored; it is read to its end, or destroyed.
 * @param assertStored - Fails if the stored bytes are not the right ones.
 * @throws SealiftError `MANIFEST_INVALID` if it cannot be unpacked, `DIGEST_MISMATCH`;
 * what `stored` and `assertStored` fail with.
 */
export async function assertDiffId(
  { descriptor, diffId }: PackedLayer,
  stored: Readable,
  assertStored: () => Promise<void>,
): Promise<void> {
  let came: Digest;
  try {
    came = await unpackedDigest(stored, digestAlgorithm(diffId), MAX_UNPACKED_SIZE);
  } catch (error) {
    // What is damaged often cannot be unpacked either; the damage is what the user must hear of.
    await assertStored();
    throw error;
  }
  if (came === diffId) return;
  throw new SealiftError(
    "DIGEST_MISMATCH",
    `expected layer ${descriptor.digest} to unpack to diffID ${diffId}, got ${came}`,
    {
      hint: "the image was published like this, and a runtime will refuse it: tell its publisher, and export another version",
    },
  );
}

async function layersOf(
  { descriptor, manifest, platform }: PlatformManifest,
  content: BundleContent,
): Promise<PackedLayer[]> {
  // Signatures, attestations and artifacts have no file system to unpack.
  const isImage = isImageConfigMediaType(manifest.config.mediaType);
  if (!isImage || platform === undefined || isUnknownPlatform(platform)) return [];
  const { diffIds } = parseImageConfig(await content.read(manifest.config, MAX_CONFIG_SIZE), manifest.config.digest);
  if (diffIds.length !== manifest.layers.length) {
    throw new SealiftError(
      "MANIFEST_INVALID",
      `expected the config of ${descriptor.digest} to state ${manifest.layers.length} diffIDs, one for each layer, got ${diffIds.length}`,
    );
  }
  return manifest.layers.flatMap((layer, at) => {
    const diffId = diffIds[at];
    return diffId === undefined || !content.holds(layer) ? [] : [{ descriptor: layer, diffId }];
  });
}

async function verifyLayer(
  layer: PackedLayer,
  { source }: OpenBundle,
  content: BundleContent,
  { onEvent, signal }: { readonly onEvent: EventListener; readonly signal: AbortSignal },
): Promise<void> {
  const { digest, size } = layer.descriptor;
  const { position } = content.locate(layer.descriptor);
  onEvent({ type: "blob-started", digest, bytes: size });
  const stored = verifiedStream(source.stream(position, size), layer.descriptor, "the bundle", (bytes) => {
    onEvent({ type: "blob-progress", digest, bytes });
  });
  addAbortSignal(signal, stored);
  await assertDiffId(layer, stored, async () => {
    signal.throwIfAborted();
    const came = await source.digest(position, size, digestAlgorithm(digest), { signal });
    assertDigest(digest, came, `layer ${digest}`);
  });
  onEvent({ type: "blob-finished", digest });
}
