import { isSealiftError, SealiftError } from "../../errors/index.js";
import { formatReference, formatRepository, type Reference } from "../../oci/index.js";
import type { EventListener, ImageLock, ImageSource, Op } from "../../ports/index.js";
import {
  isTagPattern,
  MAX_MATCHES,
  parseImage,
  type TagPattern,
  type TagSelector,
  tagSelector,
} from "../../tags/index.js";
import { runAll } from "../concurrency/run-all.js";
import { readTags } from "./read-tags.js";

/** One image that was asked for, by itself or by a pattern. */
export interface ImageRequest {
  /** What the user wrote. */
  readonly requested: string;
  readonly reference: Reference;
  /** The reference it is bundled under: with its tag, or with its digest if it has no tag. */
  readonly name: string;
  /** Who says which digest it has; undefined if its registry is to be asked. */
  readonly pinnedBy: "user" | "lock" | undefined;
}

/** An image or a pattern that was asked for and could not be had; the others go on. */
export interface ImageFailure {
  readonly requested: string;
  readonly error: SealiftError;
}

/** What expanding needs. */
export interface ExpandOptions extends Op {
  /** Image references, and patterns as {@link parseImage} reads them. */
  readonly images: readonly string[];
  /** What tags and patterns mean, as far as it is settled; what they turn out to mean is added to it. */
  readonly lock?: ImageLock | undefined;
  /** How many repositories are asked at the same time. */
  readonly concurrency: number;
  readonly openSource: (reference: Reference) => Promise<ImageSource>;
  readonly onEvent: EventListener;
}

/**
 * Turns what was asked for into single images, each once. What is named by
 * itself stands before what a pattern finds under the same name.
 *
 * @throws SealiftError `REFERENCE_INVALID` and `USAGE` (one name for two images),
 * before any registry is asked; `USAGE` if a pattern means too many. A pattern
 * that matches nothing, or whose registry refuses, is a failure in the result.
 */
export async function expandImages(
  options: ExpandOptions,
): Promise<{ readonly requests: readonly ImageRequest[]; readonly failures: readonly ImageFailure[] }> {
  const requests = new Map<string, ImageRequest>();
  const searches: Search[] = [];
  for (const requested of options.images) {
    const image = parseImage(requested);
    if (isTagPattern(image)) searches.push({ requested, pattern: image, select: await tagSelector(image) });
    else addNamed(requests, requestOf(requested, image, options.lock));
  }
  const outcomes = await searchAll(searches, options);
  for (const { requested, references } of outcomes.filter((outcome) => "references" in outcome)) {
    for (const reference of references) {
      const request = requestOf(requested, reference, options.lock);
      if (!requests.has(request.name)) requests.set(request.name, request);
    }
  }
  return { requests: [...requests.values()], failures: outcomes.filter((outcome) => "error" in outcome) };
}

function requestOf(requested: string, reference: Reference, lock: ImageLock | undefined): ImageRequest {
  const { registry, repository, tag, digest } = reference;
  const name = formatReference(tag === undefined ? reference : { registry, repository, tag });
  if (digest !== undefined) return { requested, reference, name, pinnedBy: "user" };
  const locked = lock?.digestOf(name);
  if (locked === undefined) return { requested, reference, name, pinnedBy: undefined };
  return { requested, reference: { ...reference, digest: locked }, name, pinnedBy: "lock" };
}

function addNamed(requests: Map<string, ImageRequest>, request: ImageRequest): void {
  const { requested, name, reference } = request;
  const other = requests.get(name);
  if (other !== undefined && other.reference.digest !== reference.digest) {
    throw new SealiftError("USAGE", `expected one image for ${name}, got ${other.requested} and ${requested}`, {
      hint: "leave one of them out, or give them different tags at their registry",
    });
  }
  requests.set(name, request);
}

interface Search {
  readonly requested: string;
  readonly pattern: TagPattern;
  readonly select: TagSelector;
}

interface Found {
  readonly requested: string;
  readonly references: readonly Reference[];
}

/** The outcome of each search, in their order. Each repository is asked once. */
async function searchAll(searches: readonly Search[], options: ExpandOptions): Promise<(Found | ImageFailure)[]> {
  const outcomes: (Found | ImageFailure)[] = [];
  const lists = new Map<string, Promise<string[]>>();
  await runAll([...searches.entries()], options.concurrency, options.signal, async ([position, search], signal) => {
    const { requested, pattern } = search;
    try {
      const tags = options.lock?.tagsOf(pattern.name) ?? (await find(search, lists, { ...options, signal }));
      const { registry, repository } = pattern;
      outcomes[position] = { requested, references: tags.map((tag) => ({ registry, repository, tag })) };
    } catch (error) {
      signal.throwIfAborted();
      if (!isSealiftError(error) || error.exitCode !== 4) throw error;
      outcomes[position] = { requested, error };
    }
  });
  return outcomes;
}

// More tags than these are not read by anybody.
const MAX_TAGS_SHOWN = 10;

async function find(
  { pattern, select }: Search,
  lists: Map<string, Promise<string[]>>,
  options: ExpandOptions,
): Promise<readonly string[]> {
  const { onEvent, openSource, lock, signal } = options;
  const name = formatRepository(pattern);
  const { registry, repository } = pattern;
  const listed =
    lists.get(name) ??
    readTags({ repository: { registry, repository }, openSource, onEvent, ...(signal && { signal }) });
  lists.set(name, listed);
  const all = await listed;
  const tags = await select(all);
  assertReasonable(pattern, tags.length, all.length);
  lock?.lockTags(pattern.name, tags);
  const more = tags.length > MAX_TAGS_SHOWN ? `, and ${tags.length - MAX_TAGS_SHOWN} more` : "";
  onEvent({ type: "step", text: `${pattern.name} is now ${tags.slice(0, MAX_TAGS_SHOWN).join(", ")}${more}` });
  return tags;
}

function assertReasonable(pattern: TagPattern, matching: number, all: number): void {
  const { name, kind, text, newest } = pattern;
  if (matching === 0) {
    const leavesSuffixes = kind === "range" || (newest !== undefined && !text.includes("-"));
    const suffixes = leavesSuffixes ? "; versions with a suffix, such as -alpine, are left out" : "";
    throw new SealiftError("NOT_FOUND", `expected a tag that matches ${name}, got none among its ${all}`, {
      hint: `see what there is: sealift tags ${formatRepository(pattern)}${suffixes}`,
    });
  }
  if (matching <= MAX_MATCHES) return;
  throw new SealiftError("USAGE", `expected at most ${MAX_MATCHES} tags to match ${name}, got ${matching}`, {
    hint: "name fewer, or take the newest of them: add @newest=3",
  });
}
