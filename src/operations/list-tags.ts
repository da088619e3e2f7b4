import { quote, SealiftError } from "../errors/index.js";
import { formatRepository } from "../oci/index.js";
import { anyTag, isTagPattern, parseImage, type TagPattern, tagSelector } from "../tags/index.js";
import { type ReadTagsOptions, readTags } from "./collect/read-tags.js";

/** What {@link listTags} found. */
export interface TagsResult {
  /** With its registry: `docker.io/library/nginx`. */
  readonly repository: string;
  /** First those that are no versions, then versions, the newest last. */
  readonly tags: readonly string[];
}

/**
 * Lists the tags of a repository that hold images, or those that a pattern means.
 *
 * @param text - A repository, or a pattern as `parseImage` reads it.
 * @throws SealiftError `REFERENCE_INVALID`, `USAGE` if it names one image; as `readTags`.
 */
export async function listTags(text: string, options: Omit<ReadTagsOptions, "repository">): Promise<TagsResult> {
  const pattern = parseRepository(text);
  const select = await tagSelector(pattern);
  const { registry, repository } = pattern;
  const all = await readTags({ ...options, repository: { registry, repository } });
  return { repository: formatRepository(pattern), tags: await select(all) };
}

// Read as a reference, it is a repository of Docker Hub whose tag is a number.
const REGISTRY_ALONE = /^(?:localhost|[^/:@]*\.[^/:@]*):[0-9]+$/i;

function parseRepository(text: string): TagPattern {
  const image = parseImage(text);
  if (isTagPattern(image)) return image;
  // A reference that names neither tag nor digest got a tag all the same.
  if (!/[:@][^/]*$/.test(text)) return anyTag(image);
  if (REGISTRY_ALONE.test(text)) {
    throw new SealiftError("USAGE", `expected a repository, got ${quote(text)}, which is a registry`, {
      hint: `add the repository, such as ${text}/team/app`,
    });
  }
  throw new SealiftError("USAGE", `expected a repository, or one with a tag pattern, got one image: ${quote(text)}`, {
    hint: `leave the tag or digest out, or write a pattern such as ${formatRepository(image)}:1.*`,
  });
}
