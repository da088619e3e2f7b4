import { isSealiftError, SealiftError } from "../errors/index.js";
import {
  type Descriptor,
  type Digest,
  formatReference,
  formatRepository,
  MAX_CONFIG_SIZE,
  parseReference,
  type RawManifest,
  type Reference,
  shortDigest,
} from "../oci/index.js";
import type { EventListener, ImageSource, Op } from "../ports/index.js";
import { type ImageGraph, walkImage } from "./image-graph.js";
import { assertPlatforms, type PlatformChoice, selectPlatforms } from "./platform-selection.js";
import { readBlob } from "./read-blob.js";
import { runAll } from "./run-all.js";

/** An image that was asked for, resolved and walked. */
export interface CollectedImage {
  readonly requested: string;
  /** The reference it is bundled under: with its tag, or with its digest if it has no tag. */
  readonly name: string;
  /** Registry and repository. */
  readonly repository: string;
  readonly source: ImageSource;
  readonly graph: ImageGraph;
}

/** An image that was asked for and could not be had; the others go on. */
export interface ImageFailure {
  readonly requested: string;
  readonly error: SealiftError;
}

/** What collecting needs. */
export interface CollectOptions extends Op {
  readonly images: readonly string[];
  readonly platforms: PlatformChoice;
  /** How many images are looked at at the same time. */
  readonly concurrency: number;
  readonly openSource: (reference: Reference) => Promise<ImageSource>;
  readonly onEvent: EventListener;
}

/** What collecting found. */
export interface Collection {
  readonly images: readonly CollectedImage[];
  readonly failures: readonly ImageFailure[];
  /** The bytes of the configs that were read on the way, so that none is fetched twice. */
  readonly configs: ReadonlyMap<Digest, Uint8Array>;
}

/**
 * Resolves each reference once, and reads all manifests below it.
 *
 * @throws SealiftError `REFERENCE_INVALID`, `USAGE` (one name for two images),
 * and every integrity error: a registry that sends wrong bytes ends the whole run.
 */
export async function collectImages(options: CollectOptions): Promise<Collection> {
  const requests = parseRequests(options.images);
  const manifests = new Map<Digest, RawManifest>();
  const configs = new Map<Digest, Uint8Array>();
  const outcomes: (CollectedImage | ImageFailure)[] = [];
  await runAll([...requests.entries()], options.concurrency, options.signal, async ([position, request], signal) => {
    outcomes[position] = await collectOrFail(request, { ...options, signal }, manifests, configs);
  });
  return {
    images: outcomes.filter((outcome) => "graph" in outcome),
    failures: outcomes.filter((outcome) => "error" in outcome),
    configs,
  };
}

interface Request {
  readonly requested: string;
  readonly reference: Reference;
  readonly name: string;
}

function parseRequests(images: readonly string[]): Request[] {
  const requests = new Map<string, Request>();
  for (const requested of images) {
    const reference = parseReference(requested);
    const { registry, repository, tag, digest } = reference;
    const name = formatReference(tag === undefined ? reference : { registry, repository, tag });
    const other = requests.get(name);
    if (other !== undefined && other.reference.digest !== digest) {
      throw new SealiftError("USAGE", `expected one image for ${name}, got ${other.requested} and ${requested}`, {
        hint: "leave one of them out, or give them different tags at their registry",
      });
    }
    requests.set(name, { requested, reference, name });
  }
  return [...requests.values()];
}

async function collectOrFail(
  request: Request,
  options: CollectOptions,
  manifests: Map<Digest, RawManifest>,
  configs: Map<Digest, Uint8Array>,
): Promise<CollectedImage | ImageFailure> {
  try {
    return await collect(request, options, manifests, configs);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!isSealiftError(error) || error.exitCode !== 4) throw error;
    return { requested: request.requested, error };
  }
}

async function collect(
  { requested, reference, name }: Request,
  options: CollectOptions,
  manifests: Map<Digest, RawManifest>,
  configs: Map<Digest, Uint8Array>,
): Promise<CollectedImage> {
  const op = options.signal === undefined ? {} : { signal: options.signal };
  const source = await options.openSource(reference);
  const root = await source.resolve(reference, op);
  const reader = {
    manifest: (descriptor: Descriptor) => once(manifests, descriptor, () => source.fetchManifest(descriptor, op)),
    config: (descriptor: Descriptor) =>
      once(configs, descriptor, () => readBlob(source, descriptor, MAX_CONFIG_SIZE, op)),
  };
  const graph = await walkImage(root, reader, selectPlatforms(options.platforms));
  assertPlatforms(name, options.platforms, graph);
  warn(reference, name, graph, options.onEvent);
  return { requested, name, repository: formatRepository(reference), source, graph };
}

async function once<T>(known: Map<Digest, T>, { digest }: Descriptor, fetch: () => Promise<T>): Promise<T> {
  const value = known.get(digest) ?? (await fetch());
  known.set(digest, value);
  return value;
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
