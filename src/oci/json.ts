import * as z from "zod";
import { type ErrorCode, quote, SealiftError } from "../errors/index.js";

// JSON.parse recurses for each level, and so may its callers; no document of
// the OCI specifications is nested deeper than a dozen.
const MAX_DEPTH = 64;

// An empty object takes 3 bytes of text and 100 times as many of memory. No
// document has more that registries give; those of Sealift's own state more.
const MAX_CONTAINERS = 400_000;

// Members with names of their own cost hundreds of bytes each, and ever more
// time; items of a list at least eight bytes. The objects that make a document
// large have three members at most: an entry of a bundle, and a blob in an
// inventory; what has more of them, such as a descriptor, has longer values.
const MEMBERS_PER_CONTAINER = 3;

/**
 * Parses JSON that came from outside and checks it against a schema. All that
 * is wrong is said at once.
 *
 * An object with a member twice is refused, wherever it stands: which of the two
 * counts is left to each reader (RFC 8259 section 4).
 *
 * @param what - Names the document in the error, for example `manifest sha256:…`.
 * @param maxContainers - How many objects and arrays it may have, three members
 * for each, and three commas.
 * @throws SealiftError `code` if the bytes are not UTF-8, not JSON, nested too
 * deeply, have a member twice, or are not what the schema describes.
 */
export function parseJson<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  what: string,
  code: ErrorCode,
  maxContainers = MAX_CONTAINERS,
): T {
  let value: unknown;
  let members: number;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    members = scan(text, maxContainers);
    value = JSON.parse(text);
  } catch (cause) {
    const came = bytes.length === 0 ? "nothing" : quote(Buffer.from(bytes.subarray(0, 60)).toString("latin1"));
    throw new SealiftError(code, `expected ${what} to be JSON, got ${came} (${reason(cause)})`, { cause });
  }
  if (countMembers(value) !== members) {
    throw ambiguousJson(code, `expected ${what} to have each member of an object once, got one twice`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const message = `${what} is not valid: ${describeIssues(result.error)}`;
  throw result.error.issues.some(isTwin) ? ambiguousJson(code, message) : new SealiftError(code, message);
}

class AmbiguousJson extends Error {
  override readonly name = "AmbiguousJson";
}

/** Whether {@link parseJson} failed because two readers could take the document for two. */
export function isAmbiguousJson(error: unknown): boolean {
  return error instanceof SealiftError && error.cause instanceof AmbiguousJson;
}

function ambiguousJson(code: ErrorCode, message: string): SealiftError {
  return new SealiftError(code, message, {
    hint: "two tools would read two different things in it: do not use it, and tell whoever made it",
    cause: new AmbiguousJson(),
  });
}

// The largest object of the OCI specifications has less than twenty.
const MAX_MEMBERS = 1000;

/**
 * An object with these members, in which no two members, and no member and one
 * of these, differ in case only. Go's encoding/json, with which most tools read
 * images, does not tell them apart: a manifest with `layers` and `Layers` is one
 * image to it and another one to us, and with `Layers` alone it is an image
 * without layers to us only.
 *
 * It is for documents that name content. Maps whose keys are anybody's choice,
 * such as labels and annotations, may have both `Maintainer` and `maintainer`.
 * Other unknown members are dropped, as the specifications ask.
 */
export function objectOf<S extends z.ZodRawShape>(shape: S): z.ZodType<z.output<z.ZodObject<S>>> {
  const known = new Map(Object.keys(shape).map((name) => [foldCase(name), name]));
  const hasNoTwins = z.unknown().superRefine((value, context) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return;
    const message = twinIn(Object.keys(value), known);
    if (message !== undefined) context.addIssue({ code: "custom", message, params: { twin: true } });
  });
  return hasNoTwins.pipe(z.object(shape));
}

function twinIn(names: readonly string[], known: ReadonlyMap<string, string>): string | undefined {
  if (names.length > MAX_MEMBERS) return `expected at most ${MAX_MEMBERS} members, got ${names.length}`;
  const spellings = new Map(known);
  for (const name of names) {
    const folded = foldCase(name);
    const other = spellings.get(folded) ?? name;
    if (other !== name)
      return `expected no member that other tools take for ${quote(other, 40)}, got ${quote(name, 40)}`;
    spellings.set(folded, name);
  }
  return undefined;
}

// What encoding/json compares names by, Unicode's simple case folding, for the
// ASCII names that the specifications use: of all other characters, only the
// Kelvin sign folds to an ASCII letter, which is what toLowerCase does, and the
// long s (https://www.unicode.org/Public/UNIDATA/CaseFolding.txt).
function foldCase(name: string): string {
  return name.toLowerCase().replaceAll("\u017f", "s");
}

function isTwin(issue: z.core.$ZodIssue): boolean {
  return issue.code === "custom" && issue.params?.["twin"] === true;
}

/**
 * An array of `item`, whose check ends at the first bad one: a megabyte of bad
 * ones would otherwise be turned into a gigabyte of problems.
 */
export function listOf<T>(item: z.ZodType<T>): z.ZodType<T[]> {
  return z.array(z.unknown()).transform((values, context) => {
    const items: T[] = [];
    for (const [position, value] of values.entries()) {
      const result = item.safeParse(value);
      if (!result.success) {
        for (const issue of result.error.issues) {
          context.addIssue({ ...issue, path: [position, ...issue.path] });
        }
        return z.NEVER;
      }
      items.push(result.data);
    }
    return items;
  });
}

// More than this many problems say no more than the first few, nor does more
// text of one: zod repeats the names of unknown members, however long they are.
const MAX_ISSUES_SHOWN = 5;
const MAX_ISSUE_LENGTH = 200;

function describeIssues(error: z.ZodError): string {
  const shown = error.issues.slice(0, MAX_ISSUES_SHOWN).map((issue) => {
    const path = issue.path.map(String).join(".");
    const { length } = issue.message;
    const message = length > MAX_ISSUE_LENGTH ? `${issue.message.slice(0, MAX_ISSUE_LENGTH)}…` : issue.message;
    return path === "" ? message : `${quote(path, 80)}: ${message}`;
  });
  const more = error.issues.length - shown.length;
  return more > 0 ? `${shown.join("; ")}; and ${more} more` : shown.join("; ");
}

/** Looks for more nesting, and more values, than is safe to parse, and counts the members of all objects. */
function scan(text: string, maxContainers: number): number {
  const maxMembers = MEMBERS_PER_CONTAINER * maxContainers;
  let depth = 0;
  let containers = 0;
  let members = 0;
  let commas = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charCodeAt(index);
    if (inString) {
      if (character === 0x5c) index += 1;
      else if (character === 0x22) inString = false;
    } else if (character === 0x22) inString = true;
    else if (character === 0x3a) {
      members += 1;
      if (members > maxMembers) throw new Error(`more than ${maxMembers} members`);
    } else if (character === 0x2c) {
      commas += 1;
      if (commas > maxMembers) throw new Error(`more than ${maxMembers} members and items`);
    } else if (character === 0x7b || character === 0x5b) {
      depth += 1;
      containers += 1;
      if (containers > maxContainers) throw new Error(`more than ${maxContainers} objects and arrays`);
      if (depth > MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH} levels`);
    } else if (character === 0x7d || character === 0x5d) depth -= 1;
  }
  return members;
}

/** The members that parsing left of those that {@link scan} counted: of two with one name, it keeps the last. */
function countMembers(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const values: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return values.reduce<number>((sum, item) => sum + countMembers(item), Array.isArray(value) ? 0 : values.length);
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message.slice(0, 120) : "unreadable";
}
