import * as z from "zod";
import { type ErrorCode, quote, SealiftError } from "../errors/index.js";

// JSON.parse recurses for each level, and so may its callers; no document of
// the OCI specifications is nested deeper than a dozen.
const MAX_DEPTH = 64;

// An empty object takes 3 bytes of text and 100 times as many of memory. The
// largest document that is read, a bundle's index, has one for each of its
// 150,000 entries.
const MAX_CONTAINERS = 400_000;

/**
 * Parses JSON that came from outside and checks it against a schema. All that
 * is wrong is said at once.
 *
 * @param what - Names the document in the error, for example `manifest sha256:…`.
 * @throws SealiftError `code` if the bytes are not UTF-8, not JSON, nested too
 * deeply, or not what the schema describes.
 */
export function parseJson<T>(bytes: Uint8Array, schema: z.ZodType<T>, what: string, code: ErrorCode): T {
  let value: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    assertModest(text);
    value = JSON.parse(text);
  } catch (cause) {
    const came = bytes.length === 0 ? "nothing" : quote(Buffer.from(bytes.subarray(0, 60)).toString("latin1"));
    throw new SealiftError(code, `expected ${what} to be JSON, got ${came} (${reason(cause)})`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new SealiftError(code, `${what} is not valid: ${describeIssues(result.error)}`);
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

function assertModest(text: string): void {
  let depth = 0;
  let containers = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charCodeAt(index);
    if (inString) {
      if (character === 0x5c) index += 1;
      else if (character === 0x22) inString = false;
    } else if (character === 0x22) inString = true;
    else if (character === 0x7b || character === 0x5b) {
      depth += 1;
      containers += 1;
      if (containers > MAX_CONTAINERS) throw new Error(`more than ${MAX_CONTAINERS} objects and arrays`);
      if (depth > MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH} levels`);
    } else if (character === 0x7d || character === 0x5d) depth -= 1;
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message.slice(0, 120) : "unreadable";
}
