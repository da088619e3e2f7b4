import { isSealiftError, SealiftError } from "../../errors/index.js";
import { type Digest, formatRepository, type Reference, shortDigest } from "../../oci/index.js";
import { type EventListener, type ImageSource, isMirroredSource } from "../../ports/index.js";
import { runAll } from "../concurrency/run-all.js";
import { type ImageGraph, walkImage } from "../graph/image-graph.js";
import { MetadataReader } from "../graph/metadata-reader.js";
import { assertPlatforms, type PlatformChoice, selectPlatforms } from "../graph/platform-selection.js";
import type { WalkedReferrer } from "../graph/referrer-graph.js";
import { type KnownBytes, SharedMetadata } from "../graph/shared-metadata.js";
import { collectReferrers, ownAttestations } from "./collect-referrers.js";
import { type ExpandOptions, expandImages, type ImageFailure, type ImageRequest } from "./expand-images.js";

/** An image that was asked for, resolved and walked. */
export interface CollectedImage {
  readonly requested: string;
  /** The reference it is bundled under: with its tag, or with its digest if it has no tag. */
  readonly name: string;
  /** The registry and repository that gave the root manifest: a mirror's, if one did. */
  readonly repository: string;
  readonly source: ImageSource;
  readonly graph: ImageGraph;
  /** Signatures, attestations and SBOMs; BuildKit's attestations are in the graph as well. */
  readonly referrers: readonly WalkedReferrer[];
}

/** What collecting needs. */
export interface CollectOptions extends ExpandOptions {
  readonly platforms: PlatformChoice;
  /** Whether what refers to an image comes with it, wherever it is not a part of the image itself. */
  readonly referrers: boolean;
  /** The verified bytes of manifests and configs that are at hand, so that no registry counts a pull for them. */
  readonly known?: KnownBytes | undefined;
}

/** What collecting found. */
export interface Collection {
  readonly images: readonly CollectedImage[];
  readonly failures: readonly ImageFailure[];
  /** The bytes of the configs that were read on the way, so that none is fetched twice. */
  readonly configs: ReadonlyMap<Digest, Uint8Array>;
}

/**
 * Resolves each image once, and reads all manifests below it.
 *
 * @throws SealiftError as `expandImages`, and every integrity error: a registry
 * that sends wrong bytes ends the whole run.
 */
export async function collectImages(options: CollectOptions): Promise<Collection> {
  const { requests, failures } = await expandImages(options);
  const count = requests.length === 1 ? "1 image" : `${requests.length} images`;
  if (requests.length > 0) options.onEvent({ type: "step", text: `Reading the manifests of ${count}` });
  const shared = new SharedMetadata(options.known);
  const outcomes: (CollectedImage | ImageFailure)[] = [];
  await runAll([...requests.entries()], options.concurrency, options.signal, async ([position, request], signal) => {
    outcomes[position] = await collectOrFail(request, { ...options, signal }, shared);
  });
  return {
    images: outcomes.filter((outcome) => "graph" in outcome),
    failures: [...failures, ...outcomes.filter((outcome) => "error" in outcome)],
    configs: shared.configs,
  };
}

async function collectOrFail(
  request: ImageRequest,
  options: CollectOptions,
  shared: SharedMetadata,
): Promise<CollectedImage | ImageFailure> {
  try {
    return await collect(request, options, shared);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isSealiftError(error) || error.exitCode !== 4) throw error;
    return { requested: request.requested, error: request.pinnedBy === "lock" ? lockedError(error) : error };
  }
}

async function collect(
  { requested, reference, name, pinnedBy }: ImageRequest,
  options: CollectOptions,
  shared: SharedMetadata,
): Promise<CollectedImage> {
  const op = options.signal === undefined ? {} : { signal: options.signal };
  const source = await options.openSource(reference);
  const root = await source.resolve(reference, op);
  const metadata = new MetadataReader(shared.from(source, op));
  const graph = await walkImage(root, metadata, selectPlatforms(options.platforms));
  assertPlatforms(name, options.platforms, graph);
  warn(reference, name, graph, options.onEvent);
  const own = await ownAttestations(graph, metadata);
  const { onEvent } = options;
  const found = options.referrers ? await collectReferrers({ name, graph, source, metadata, onEvent, op }) : [];
  if (pinnedBy === undefined) options.lock?.lockImage(name, root.digest);
  const repository = (isMirroredSource(source) ? source.giverOf(root) : undefined) ?? formatRepository(reference);
  return { requested, name, repository, source, graph, referrers: [...own, ...found] };
}

// A registry forgets what no tag names any more.
function lockedError(error: SealiftError): SealiftError {
  if (error.code !== "NOT_FOUND") return error;
  const hint = "the lock names this digest: delete its entry to take what the tag means now";
  return new SealiftError("NOT_FOUND", error.message, { hint, cause: error });
}

function warn(reference: Reference, name: string, graph: ImageGraph, onEvent: EventListener): void {
  if (reference.tag === "latest" && reference.digest === undefined) {
    const pinned = shortDigest(graph.root.digest);
    onEvent({
      type: "warning",
      text: `${name} means another image from day to day; today it is ${pinned}. Name a version to know what you carry.`,
    });
  }
  for (const { digest } of graph.foreignLayers) {
    onEvent({
      type: "warning",
      text: `${name}: the foreign layer ${shortDigest(digest)} must not be redistributed and is left out; the far side must have it already.`,
    });
  }
}
