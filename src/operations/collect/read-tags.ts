import { quote, SealiftError } from "../../errors/index.js";
import { formatRepository, isTag, type Reference } from "../../oci/index.js";
import { type EventListener, type ImageSource, isTagLister, type Op } from "../../ports/index.js";

// The tags that stand in for referrers, and those that cosign gives: they are
// carried with the image whose digest they bear (referrersTag, attachmentTags).
const DIGEST_TAG = /^sha(?:256|512)-[0-9a-f]{64}(?:\.[a-z]+)?$/;

/** What {@link readTags} needs. */
export interface ReadTagsOptions extends Op {
  readonly repository: Reference;
  readonly openSource: (reference: Reference) => Promise<ImageSource>;
  readonly onEvent: EventListener;
}

/**
 * The tags of a repository, in any order, each once; but for those that bear a
 * digest, since what is attached to an image is no other image. What is no tag
 * is left out with a warning: nothing can be pulled by such a name.
 *
 * @throws SealiftError as `TagLister.tags`; `USAGE` if the source lists none.
 */
export async function readTags({ repository, openSource, onEvent, signal }: ReadTagsOptions): Promise<string[]> {
  const name = formatRepository(repository);
  const source = await openSource(repository);
  if (!isTagLister(source)) throw new SealiftError("USAGE", `expected ${name} to list its tags, but it cannot`);
  const tags = new Set<string>();
  let bad = 0;
  let firstBad = "";
  for await (const tag of source.tags(signal && { signal })) {
    if (isTag(tag)) tags.add(tag);
    else {
      bad += 1;
      if (bad === 1) firstBad = tag;
    }
  }
  if (bad > 0) {
    const others = bad === 1 ? "" : ` and ${bad - 1} more`;
    onEvent({ type: "warning", text: `${name} lists what is no tag; left out: ${quote(firstBad, 40)}${others}` });
  }
  return [...tags].filter((tag) => !DIGEST_TAG.test(tag));
}
