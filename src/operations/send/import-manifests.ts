import { SealiftError } from "../../errors/index.js";
import type { Op } from "../../ports/index.js";
import type { ImportTarget } from "./import-target.js";

/**
 * Stores the manifests of an image, children before the indexes that list them,
 * under their digests only.
 *
 * @throws SealiftError `DENIED` and the like, as `ImageDestination.putManifest`.
 */
export async function storeManifests({ graph, repository, routed }: ImportTarget, op: Op): Promise<void> {
  for (const manifest of graph.manifests) {
    try {
      await repository.destination.putManifest(manifest, undefined, op);
    } catch (error) {
      const isRoot = manifest.descriptor.digest === graph.root.digest;
      throw isRoot && graph.omittedManifests.length > 0 ? sparseIndexError(error, routed.image.name, graph) : error;
    }
  }
}

/**
 * Gives the root of an image its tag. Everything below it must be stored.
 *
 * @throws SealiftError as {@link storeManifests}.
 */
export async function tagRoot({ graph, repository, routed }: ImportTarget, op: Op): Promise<void> {
  const { tag } = routed.destination;
  const root = graph.manifests.at(-1);
  if (tag !== undefined && root !== undefined) await repository.destination.putManifest(root, tag, op);
}

// distribution, for one, takes an index only when it has every child of it:
// https://github.com/distribution/distribution/blob/v2.8.3/registry/storage/manifestlisthandler.go
function sparseIndexError(
  error: unknown,
  name: string,
  { platformManifests, omittedManifests }: ImportTarget["graph"],
): unknown {
  if (!(error instanceof SealiftError) || error.exitCode !== 4 || error.code === "UNREACHABLE") return error;
  const [child] = platformManifests;
  const alone =
    child === undefined ? "" : `, or export one platform alone by its own digest: ${name}@${child.descriptor.digest}`;
  return new SealiftError(
    error.code,
    `${error.message}; the bundle holds the index of ${name} without ${omittedManifests.length} of its children, and not every registry takes that`,
    { hint: `export the image whole, with --platform all${alone}`, cause: error },
  );
}
