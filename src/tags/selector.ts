import { quote, SealiftError } from "../errors/index.js";
import { parseGlob } from "./glob.js";
import type { TagPattern } from "./tag-pattern.js";
import { newestOf, sortTags, versionsOf, withoutAliases } from "./version.js";

/** Picks those of a repository's tags that a pattern means, in the order of `sortTags`. */
export type TagSelector = (tags: readonly string[]) => Promise<string[]>;

/**
 * What picks the tags that a pattern means.
 *
 * A range never takes what has a suffix, unless it names one itself
 * (`>=1.28.0-rc.1`): to semver, `1.28.0-alpine` comes before `1.28.0`. Of what
 * matches a glob, a newest one is looked for among versions without a suffix,
 * unless the glob has a `-`.
 *
 * @throws SealiftError `REFERENCE_INVALID` if its range is none.
 */
export async function tagSelector(pattern: TagPattern): Promise<TagSelector> {
  const select = pattern.kind === "range" ? await rangeSelector(pattern) : globSelector(pattern);
  return async (tags) => sortTags(await select(tags));
}

async function rangeSelector(pattern: TagPattern): Promise<TagSelector> {
  const { default: Range } = await import("semver/classes/range.js");
  const range = parseRange(Range, pattern);
  return async (tags) => {
    const matching = withoutAliases(await versionsOf(tags)).filter(({ version }) => range.test(version));
    return (pattern.newest === undefined ? matching : newestOf(matching, pattern.newest)).map(({ tag }) => tag);
  };
}

function parseRange<Range>(Class: new (text: string) => Range, { text, name }: TagPattern): Range {
  try {
    return new Class(text);
  } catch (cause) {
    throw new SealiftError("REFERENCE_INVALID", `expected a range of versions, got ${quote(text)} in ${quote(name)}`, {
      hint: "write it as npm has them: ~1.27, ^1.27, >=1.26 <2, 1.26 - 1.28",
      cause,
    });
  }
}

function globSelector({ text, newest }: TagPattern): TagSelector {
  const matches = parseGlob(text) ?? (() => false);
  return async (tags) => {
    const matching = tags.filter(matches);
    if (newest === undefined) return matching;
    const versions = await versionsOf(matching);
    const comparable = text.includes("-")
      ? versions
      : versions.filter(({ version }) => version.prerelease.length === 0);
    return newestOf(withoutAliases(comparable), newest).map(({ tag }) => tag);
  };
}
