import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import { readSmallFile } from "../io/index.js";
import { isTagPattern, parseImage, tagSelector } from "../tags/index.js";

/** In bytes: some twenty thousand images with digests, more than a bundle's index has room for. */
export const MAX_LIST_SIZE = 4 * 1024 * 1024;

/**
 * Reads a list of images from a file.
 *
 * @throws SealiftError `FILE_NOT_FOUND`, `CONFIG_INVALID`, and as {@link parseImageList}.
 */
export async function readImageList(path: string): Promise<string[]> {
  return await parseImageList(await readSmallFile(path, MAX_LIST_SIZE), path);
}

/**
 * Reads a list of images: one in a line, as `parseImage` reads it; what follows
 * a `#` at the beginning of a line, or after a space, is a comment.
 *
 * @param name - Names the list in the error, with the number of the line.
 * @throws SealiftError `REFERENCE_INVALID`; `CONFIG_INVALID` if it is no text, or names no image.
 */
export async function parseImageList(bytes: Uint8Array, name: string): Promise<string[]> {
  const images: string[] = [];
  for (const [index, line] of textOf(bytes, name)
    .split(/\r\n|\n|\r/)
    .entries()) {
    const image = line.replace(/(?:^|\s)#.*$/s, "").trim();
    if (image === "") continue;
    await assertImage(image, `line ${index + 1} of ${quote(name)}`);
    images.push(image);
  }
  if (images.length > 0) return images;
  throw new SealiftError("CONFIG_INVALID", `expected ${quote(name)} to name an image in a line, got none`, {
    hint: "write one image in each line, as on the command line; # begins a comment",
  });
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    // It drops a byte order mark, with which some editors begin a file.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SealiftError("CONFIG_INVALID", `expected ${quote(name)} to be text in UTF-8, got something else`, {
      hint: "save it as UTF-8; PowerShell writes UTF-16 unless told otherwise (-Encoding utf8)",
      cause,
    });
  }
}

async function assertImage(image: string, where: string): Promise<void> {
  try {
    const parsed = parseImage(image);
    if (isTagPattern(parsed)) await tagSelector(parsed);
  } catch (error) {
    if (!isSealiftError(error)) throw error;
    const { code, message, hint } = error;
    throw new SealiftError(code, `${message} (${where})`, { ...(hint === undefined ? {} : { hint }), cause: error });
  }
}
