import * as z from "zod";
import { SealiftError } from "../errors/index.js";
import { listOf, parseJson } from "../oci/index.js";
import type { Op } from "../ports/index.js";
import { readBody } from "./body.js";
import { nextPage } from "./link.js";
import type { Remote } from "./remote.js";

// ECR and distribution 3 give no more at a time.
const PAGE_SIZE = 1000;

// Distribution 2 gives all tags at once, whatever is asked for: a million of 16 bytes.
const MAX_PAGE_BYTES = 16 * 1024 * 1024;

// Far above what the largest repositories of Docker Hub have; they take some 100 MB of memory.
const MAX_NAMES = 1_000_000;

// MAX_NAMES of 128 characters, the most that a tag has: what is no tag may have any number of them.
const MAX_LIST_BYTES = 128 * 1024 * 1024;

// MAX_NAMES at a hundred to a page, the least that registries are known to give.
const MAX_PAGES = 10_000;

// Nexus writes null for an empty list, and in a list for what is being deleted.
const namesSchema = listOf(z.string().nullable()).nullish();

// A registry may cut the pages first and then drop what the user may not see. So many of them are no accident.
const MAX_EMPTY_PAGES = 10;

/** Where a list of names is, and what it is called. */
export interface NameList {
  readonly url: URL;
  /** The member of each page that has the names. */
  readonly member: "tags" | "repositories";
  /** Completes `expected …` in messages. */
  readonly wanted: string;
}

/** Who gives it. */
export type ListServer = Pick<Remote, "host" | "requestOnce" | "retry">;

/**
 * The names of a list that comes in pages, each with a link to the next one
 * (distribution-spec, "Listing Tags").
 *
 * @throws SealiftError as `Remote.request`; `REGISTRY_PROTOCOL` if it has no end within reason.
 */
export async function* listNames(server: ListServer, list: NameList, op?: Op): AsyncGenerator<string> {
  const { wanted } = list;
  const seen = new Set<string>();
  const asked = new Set<string>();
  let empty = 0;
  let size = 0;
  let url: URL | undefined = new URL(list.url);
  url.searchParams.set("n", String(PAGE_SIZE));
  for (let pages = 0; url !== undefined; pages += 1) {
    if (pages === MAX_PAGES) throw protocolError(wanted, `more than ${MAX_PAGES} pages`);
    asked.add(url.href);
    const page: Page = await readPage(server, url, list, op);
    const known = seen.size;
    for (const name of page.names) seen.add(name);
    size += page.size;
    if (seen.size > MAX_NAMES) throw protocolError(wanted, `more than ${MAX_NAMES}`);
    if (size > MAX_LIST_BYTES) throw protocolError(wanted, `more than ${MAX_LIST_BYTES} bytes`);
    yield* page.names;
    // Whoever leads in a circle has no other way to come to an end.
    const isCircle = page.next !== undefined && asked.has(page.next.href);
    if (isCircle || (page.next !== undefined && page.names.length > 0 && seen.size === known)) {
      throw protocolError(wanted, `a page again that was there before from ${url.host}`);
    }
    empty = page.names.length === 0 ? empty + 1 : 0;
    if (page.next !== undefined && empty > MAX_EMPTY_PAGES) {
      throw protocolError(wanted, `more than ${MAX_EMPTY_PAGES} empty pages in a row from ${url.host}`);
    }
    url = page.next;
  }
}

interface Page {
  readonly names: readonly string[];
  /** In bytes. */
  readonly size: number;
  readonly next: URL | undefined;
}

// A page that breaks off is asked for again as a whole.
async function readPage(server: ListServer, url: URL, list: NameList, op: Op | undefined): Promise<Page> {
  const { wanted, member } = list;
  const schema = z.object({ [member]: namesSchema });
  return await server.retry(async () => {
    const headers = { accept: "application/json" };
    const answer = await server.requestOnce({ method: "GET", url, wanted, headers, statuses: [200], op });
    const { bytes, isWhole } = await readBody(answer, MAX_PAGE_BYTES);
    if (!isWhole) throw protocolError(wanted, `a page of more than ${MAX_PAGE_BYTES} bytes from ${answer.url.host}`);
    const names = parseJson(bytes, schema, wanted, "REGISTRY_PROTOCOL")[member];
    const size = bytes.length;
    return { names: (names ?? []).filter((name) => name !== null), size, next: nextPage(server, answer, wanted) };
  }, op);
}

function protocolError(wanted: string, came: string): SealiftError {
  return new SealiftError("REGISTRY_PROTOCOL", `expected ${wanted}, got ${came}`);
}
