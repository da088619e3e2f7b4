import { blobPath } from "../../bundle/format/index.js";
import { isSealiftError } from "../../errors/index.js";
import { graphsOf } from "../graph/referrer-graph.js";
import { BundleContent } from "../read/bundle-content.js";
import type { OpenBundle } from "../read/open-bundle.js";

/** Which images need which files of a bundle, as far as their manifests can be read. */
export interface FileUsers {
  /** The names of the images that need a file of the tar: all of them, for the documents that name them; none, for Sealift's own. */
  readonly of: (path: string) => readonly string[];
}

/**
 * Finds out which images need the files of a bundle that is damaged. What an
 * image needs below a manifest that is damaged is not known; so files that no
 * other image needs are taken for its own.
 *
 * @throws SealiftError `MEDIUM_FAILED`; or the signal's reason.
 */
export async function fileUsers(bundle: OpenBundle, signal: AbortSignal | undefined): Promise<FileUsers> {
  const content = new BundleContent(bundle);
  const users = new Map<string, string[]>();
  const unknown: string[] = [];
  for (const image of bundle.index.images) {
    signal?.throwIfAborted();
    try {
      const graphs = graphsOf(await content.walk(image));
      const manifests = graphs.flatMap((graph) => graph.manifests.map(({ descriptor }) => descriptor));
      for (const { digest } of [...manifests, ...graphs.flatMap(({ blobs }) => blobs)]) {
        const path = blobPath(digest);
        const names = users.get(path) ?? [];
        if (names.at(-1) !== image.name) users.set(path, [...names, image.name]);
      }
    } catch (error) {
      if (!isSealiftError(error)) throw error;
      unknown.push(image.name);
    }
  }
  const all = bundle.index.images.map(({ name }) => name);
  return {
    of: (path) => {
      if (path.startsWith("sealift/")) return [];
      return path.startsWith("blobs/") ? (users.get(path) ?? unknown) : all;
    },
  };
}
