import { quote, SealiftError } from "../errors/index.js";
import { formatRepository, parseReference, type Reference } from "../oci/index.js";
import { parseGlob } from "./glob.js";

/** Which tags of a repository are meant: those that match, or the newest of them. */
export interface TagPattern {
  readonly registry: string;
  readonly repository: string;
  /** `glob` looks at the text of a tag, `range` at the version that it is. */
  readonly kind: "glob" | "range";
  /** `1.27.*`, `>=1.26 <2` */
  readonly text: string;
  /** How many versions, from the highest; undefined for all. */
  readonly newest: number | undefined;
  /** All of it, with nothing left to a default: `docker.io/library/nginx:1.27.*@newest=3`. */
  readonly name: string;
}

/** Whether what was asked for is a pattern, and not one image. */
export function isTagPattern(image: Reference | TagPattern): image is TagPattern {
  return "kind" in image;
}

/** More tags than these are not taken for one pattern: it is another one that was meant, or somebody pays for the traffic. */
export const MAX_MATCHES = 1000;

// A tag has at most 128 characters, and node-semver reads no range of more than 256.
const MAX_PATTERN_LENGTH = 256;

// No host has a "=" in its name, so what stands before this is nobody's password.
const NEWEST = /@newest=([^/@:]*)$/;

/**
 * Reads what a user may ask for: an image reference, as Docker has them, or a
 * repository with a pattern in the place of its tag. Nothing is both: a glob has
 * a `*`, a `?` or a `[`, a range begins with one of `~ ^ < > =` or has a space or
 * a `|` in it, and none of these may be in a tag.
 *
 * @throws SealiftError `REFERENCE_INVALID` if it is neither. Whether a range is
 * one is not looked at: see `tagSelector`.
 */
export function parseImage(text: string): Reference | TagPattern {
  const [suffix, count] = NEWEST.exec(text) ?? [];
  const rest = suffix === undefined ? text : text.slice(0, -suffix.length);
  const colon = rest.lastIndexOf(":");
  const hasTag = colon > rest.lastIndexOf("/");
  const pattern = hasTag ? rest.slice(colon + 1) : "*";
  const kind = hasTag || suffix !== undefined ? kindOf(pattern) : undefined;
  // Behind an "@" stands a digest, or somebody's password, which must not be shown.
  if (rest.includes("@") || (kind === undefined && suffix === undefined)) return parseReference(text);
  if (kind === undefined) throw invalid(text, `${quote(pattern)} is one tag, and no pattern that has a newest one`);
  if (pattern.length > MAX_PATTERN_LENGTH) throw invalid(text, `it is longer than ${MAX_PATTERN_LENGTH} characters`);
  if (kind === "glob" && parseGlob(pattern) === undefined) {
    throw invalid(text, 'beside what is in tags, a glob has only "*", "?" and sets such as [0-9] and [!0-9]');
  }
  const newest = count === undefined ? undefined : parseNewest(text, count);
  const name = hasTag ? rest.slice(0, colon) : rest;
  if (name.lastIndexOf(":") > name.lastIndexOf("/")) throw invalid(text, "it has two tags");
  const { registry, repository } = parseReference(name);
  return patternOf({ registry, repository }, kind, pattern.replace(/\s+/g, " "), newest);
}

/** The pattern that all tags of a repository match. */
export function anyTag(repository: Reference): TagPattern {
  return patternOf(repository, "glob", "*", undefined);
}

function patternOf(
  reference: Reference,
  kind: TagPattern["kind"],
  text: string,
  newest: number | undefined,
): TagPattern {
  const { registry, repository } = reference;
  const name = `${formatRepository(reference)}:${text}${newest === undefined ? "" : `@newest=${newest}`}`;
  return { registry, repository, kind, text, newest, name };
}

function kindOf(pattern: string): TagPattern["kind"] | undefined {
  // With a space around it, even a tag would be a range.
  if (pattern !== pattern.trim()) return undefined;
  if (/^[~^<>=]|[\s|]/.test(pattern)) return "range";
  return /[*?[\]]/.test(pattern) ? "glob" : undefined;
}

function parseNewest(text: string, count: string): number {
  const newest = /^[0-9]{1,4}$/.test(count) ? Number(count) : 0;
  if (newest >= 1 && newest <= MAX_MATCHES) return newest;
  throw invalid(text, `@newest= is not followed by a number from 1 to ${MAX_MATCHES}`);
}

function invalid(text: string, why: string): SealiftError {
  return new SealiftError(
    "REFERENCE_INVALID",
    `expected an image reference or a tag pattern, got ${quote(text)}: ${why}`,
    {
      hint: "write it like nginx:1.27, nginx:1.27.*, nginx:~1.27, 'nginx:>=1.26 <2' or nginx:1.27.*@newest=3",
    },
  );
}
