import { isSealiftError, type SealiftError } from "../errors/index.js";
import { formatRepository, type Reference } from "../oci/index.js";
import type { ImageDestination } from "../ports/index.js";
import type { RoutedImage } from "./destination.js";
import type { ImageGraph } from "./image-graph.js";

/** A repository on the far side. */
export interface TargetRepository {
  /** Its registry and repository. */
  readonly reference: Reference;
  readonly destination: ImageDestination;
}

/** An image on its way to its repository; it fails alone, and the others go on. */
export class ImportTarget {
  readonly routed: RoutedImage;
  readonly graph: ImageGraph;
  readonly repository: TargetRepository;
  #failure: SealiftError | undefined;

  constructor(routed: RoutedImage, graph: ImageGraph, repository: TargetRepository) {
    this.routed = routed;
    this.graph = graph;
    this.repository = repository;
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

/** Opens each repository once, however many images go there. */
export async function openTargets(
  images: readonly { readonly routed: RoutedImage; readonly graph: ImageGraph }[],
  openDestination: (reference: Reference) => Promise<ImageDestination>,
): Promise<ImportTarget[]> {
  const repositories = new Map<string, TargetRepository>();
  const targets: ImportTarget[] = [];
  for (const { routed, graph } of images) {
    const { registry, repository } = routed.destination;
    const name = formatRepository(routed.destination);
    const opened = repositories.get(name) ?? {
      reference: { registry, repository },
      destination: await openDestination(routed.destination),
    };
    repositories.set(name, opened);
    targets.push(new ImportTarget(routed, graph, opened));
  }
  return targets;
}
