import * as z from "zod";
import { isSealiftError, SealiftError } from "../errors/index.js";
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
const MAX_TAGS = 1_000_000;

// MAX_TAGS of 128 characters, the most that a tag has: what is no tag may have any number of them.
const MAX_LIST_BYTES = 128 * 1024 * 1024;

// MAX_TAGS at a hundred to a page, the least that registries are known to give.
const MAX_PAGES = 10_000;

// Nexus writes null for an empty list, and in a list for a tag that is being deleted.
const pageSchema = z.object({ tags: listOf(z.string().nullable()).nullish() });

/** `TagLister.tags` of a repository (distribution-spec, "Listing Tags"). */
export async function* listTags(remote: Remote, op?: Op): AsyncGenerator<string> {
  const wanted = `the tags of ${remote.name}`;
  const seen = new Set<string>();
  let size = 0;
  let url: URL | undefined = remote.url(`tags/list?n=${PAGE_SIZE}`);
  for (let pages = 0; url !== undefined; pages += 1) {
    if (pages === MAX_PAGES) throw protocolError(wanted, `more than ${MAX_PAGES} pages`);
    const page: Page = await readPage(remote, url, wanted, op).catch((error: unknown) => {
      throw isSealiftError(error, "NOT_FOUND") ? noRepository(error) : error;
    });
    const known = seen.size;
    for (const tag of page.tags) seen.add(tag);
    size += page.size;
    if (seen.size > MAX_TAGS) throw protocolError(wanted, `more than ${MAX_TAGS}`);
    if (size > MAX_LIST_BYTES) throw protocolError(wanted, `more than ${MAX_LIST_BYTES} bytes`);
    yield* page.tags;
    // Whoever leads in a circle has no other way to come to an end.
    if (page.next !== undefined && page.tags.length > 0 && seen.size === known) {
      throw protocolError(wanted, `a page again that was there before from ${url.host}`);
    }
    url = page.next;
  }
}

interface Page {
  readonly tags: readonly string[];
  /** In bytes. */
  readonly size: number;
  readonly next: URL | undefined;
}

// A page that breaks off is asked for again as a whole.
async function readPage(remote: Remote, url: URL, wanted: string, op: Op | undefined): Promise<Page> {
  return await remote.retry(async () => {
    const headers = { accept: "application/json" };
    const answer = await remote.requestOnce({ method: "GET", url, wanted, headers, statuses: [200], op });
    const { bytes, isWhole } = await readBody(answer, MAX_PAGE_BYTES);
    if (!isWhole) throw protocolError(wanted, `a page of more than ${MAX_PAGE_BYTES} bytes from ${answer.url.host}`);
    const { tags } = parseJson(bytes, pageSchema, wanted, "REGISTRY_PROTOCOL");
    const size = bytes.length;
    return { tags: (tags ?? []).filter((tag) => tag !== null), size, next: nextPage(remote, answer, wanted) };
  }, op);
}

function noRepository({ message, cause }: SealiftError): SealiftError {
  const hint = "check the name of the repository; one that nothing was pushed to is not there for some registries";
  return new SealiftError("NOT_FOUND", message, { hint, cause });
}

function protocolError(wanted: string, came: string): SealiftError {
  return new SealiftError("REGISTRY_PROTOCOL", `expected ${wanted}, got ${came}`);
}
