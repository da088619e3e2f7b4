import { isSealiftError, SealiftError } from "../errors/index.js";
import type { Op } from "../ports/index.js";
import { listNames } from "./name-list.js";
import type { Remote } from "./remote.js";

/** `TagLister.tags` of a repository (distribution-spec, "Listing Tags"). */
export async function* listTags(remote: Remote, op?: Op): AsyncGenerator<string> {
  const list = { url: remote.url("tags/list"), member: "tags", wanted: `the tags of ${remote.name}` } as const;
  try {
    yield* listNames(remote, list, op);
  } catch (error) {
    throw isSealiftError(error, "NOT_FOUND") ? noRepository(error) : error;
  }
}

function noRepository({ message, cause }: SealiftError): SealiftError {
  const hint = "check the name of the repository; one that nothing was pushed to is not there for some registries";
  return new SealiftError("NOT_FOUND", message, { hint, cause });
}
