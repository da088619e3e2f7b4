import type { Digest } from "../oci/index.js";

/** Remembers from one export to the next what tags and patterns mean, so that they mean the same again. */
export interface ImageLock {
  /** The digest of an image, named with its registry and tag; undefined if it is not settled. */
  digestOf(name: string): Digest | undefined;

  /** The tags that a pattern, named with its registry, stands for; undefined if it is not settled. */
  tagsOf(pattern: string): readonly string[] | undefined;

  /** Settles which digest an image has. */
  lockImage(name: string, digest: Digest): void;

  /** Settles which tags a pattern stands for. */
  lockTags(pattern: string, tags: readonly string[]): void;
}
