import { isSealiftError, type SealiftError } from "../../errors/index.js";
import { type Descriptor, formatRepository, type Reference } from "../../oci/index.js";
import type { ImageDestination } from "../../ports/index.js";
import type { ImageGraph } from "../graph/image-graph.js";
import { graphsOf, type WalkedReferrer } from "../graph/referrer-graph.js";
import type { WalkedImage } from "../read/documents.js";
import type { RoutedImage } from "./destination.js";

/** A repository on the far side. */
export interface TargetRepository {
  /** Its registry and repository. */
  readonly reference: Reference;
  readonly destination: ImageDestination;
}

/** What goes where. */
interface RoutedGraph {
  readonly routed: RoutedImage;
  readonly graph: ImageGraph;
  /** Each after what it is about. */
  readonly referrers: readonly WalkedReferrer[];
}

/** An image on its way to its repository; it fails alone, and the others go on. */
export class ImportTarget implements RoutedGraph {
  readonly routed: RoutedImage;
  readonly graph: ImageGraph;
  readonly referrers: readonly WalkedReferrer[];
  readonly repository: TargetRepository;
  #failure: SealiftError | undefined;

  constructor({ routed, graph, referrers }: RoutedGraph, repository: TargetRepository) {
    this.routed = routed;
    this.graph = graph;
    this.referrers = referrers;
    this.repository = repository;
  }

  /** All blobs that the image and its referrers need, each once. */
  get blobs(): readonly Descriptor[] {
    const blobs = graphsOf(this).flatMap((graph) => graph.blobs);
    return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  }

  /** Why the image did not arrive, if it did not. */
  get failure(): SealiftError | undefined {
    return this.#failure;
  }

  /**
   * Runs a step for images of one repository. What the registry refuses fails
   * these images; anything else (a damaged bundle, a registry that is gone)
   * is thrown, and ends the import.
   *
   * @returns undefined if the step failed.
   */
  static async attempt<T>(targets: readonly ImportTarget[], step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step();
    } catch (error) {
      if (!isSealiftError(error) || error.exitCode !== 4 || error.code === "UNREACHABLE") throw error;
      for (const target of targets) target.#failure ??= error;
      return undefined;
    }
  }
}

/** Says of each image where it goes; both lists are in the order of the index. */
export function routeGraphs(routed: readonly RoutedImage[], walked: readonly WalkedImage[]): readonly RoutedGraph[] {
  return routed.flatMap((route, position) => {
    const found = walked[position];
    return found === undefined ? [] : [{ ...found, routed: route }];
  });
}

/** Opens each repository once, however many images go there. */
export async function openTargets(
  images: readonly RoutedGraph[],
  openDestination: (reference: Reference) => Promise<ImageDestination>,
): Promise<ImportTarget[]> {
  const repositories = new Map<string, TargetRepository>();
  const targets: ImportTarget[] = [];
  for (const image of images) {
    const { destination: reference } = image.routed;
    const { registry, repository } = reference;
    const name = formatRepository(reference);
    const opened = repositories.get(name) ?? {
      reference: { registry, repository },
      destination: await openDestination(reference),
    };
    repositories.set(name, opened);
    targets.push(new ImportTarget(image, opened));
  }
  return targets;
}
