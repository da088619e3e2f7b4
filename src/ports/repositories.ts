import type { Op } from "./image.js";

/** A registry that knows its repositories, and says so. */
export interface RepositoryLister {
  /**
   * Names of repositories in any order, perhaps some twice, as the registry
   * states them: whether one is a repository is for the reader to see.
   *
   * @throws SealiftError as `ImageSource.resolve`; many registries refuse.
   */
  repositories(op?: Op): AsyncIterable<string>;
}
