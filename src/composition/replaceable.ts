import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import { readSmallFileIfThere } from "../io/index.js";

/** Whoever names a wrong file as the output must not lose it. */
export function assertReplaceable(path: string, isOurs: boolean, what: string): void {
  if (isOurs) return;
  throw new SealiftError("FILE_EXISTS", `expected ${quote(path)} to be ${what} or nothing, got another file`, {
    hint: "choose another name, or move that file away",
  });
}

/**
 * Does {@link assertReplaceable} for a document that is written as a whole.
 *
 * @param parse - Fails with `CONFIG_INVALID` if it is another document.
 */
export async function assertDocumentReplaceable(
  path: string,
  maxSize: number,
  parse: (bytes: Uint8Array, name: string) => unknown,
  what: string,
): Promise<void> {
  assertReplaceable(path, await isDocument(path, maxSize, parse), what);
}

async function isDocument(
  path: string,
  maxSize: number,
  parse: (bytes: Uint8Array, name: string) => unknown,
): Promise<boolean> {
  try {
    const bytes = await readSmallFileIfThere(path, maxSize);
    // An empty one is what is left of a run whose disk was full.
    if (bytes !== undefined && bytes.length > 0) parse(bytes, quote(path));
    return true;
  } catch (error) {
    if (isSealiftError(error, "CONFIG_INVALID")) return false;
    throw error;
  }
}
