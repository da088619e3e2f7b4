import { listTags, type TagsResult } from "../operations/index.js";
import { common, openClient, type RegistryOptions } from "./options.js";

/**
 * Lists the tags of a repository, or those that a pattern means.
 *
 * @throws SealiftError as `listTags` of the operations.
 */
export async function listRepositoryTags(text: string, options: RegistryOptions = {}): Promise<TagsResult> {
  await using client = await openClient(options);
  return await listTags(text, {
    ...common(options),
    openSource: (reference) => client.source(reference),
  });
}
