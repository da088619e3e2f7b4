import type { Op } from "./image.js";

/** A source that knows the tags of its repository. */
export interface TagLister {
  /**
   * Names of tags in any order, perhaps some twice, as the repository states
   * them: whether one is a tag is for the reader to see.
   *
   * @throws SealiftError as `ImageSource.resolve`.
   */
  tags(op?: Op): AsyncIterable<string>;
}

/** Whether a source is a {@link TagLister}. */
export function isTagLister(source: object): source is TagLister {
  return "tags" in source && typeof source.tags === "function";
}
