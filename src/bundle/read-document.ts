import { constants, open } from "node:fs/promises";
import { quote, SealiftError } from "../errors/index.js";
import { errnoOf, mediumError, readSmallFile } from "../io/index.js";

/**
 * The whole of a file that is JSON rather than a bundle: one that begins with a
 * brace, or with nothing but white space. Undefined if it is anything else, such as a folder, or is not there.
 *
 * @param maxSize - In bytes.
 * @throws SealiftError `CONFIG_INVALID` if it is larger, is text in another
 * encoding, or cannot be read; `MEDIUM_FAILED`.
 */
export async function readDocument(path: string, maxSize: number): Promise<Uint8Array | undefined> {
  const beginning = await beginningOf(path);
  if (hasOtherEncoding(beginning)) {
    throw new SealiftError(
      "CONFIG_INVALID",
      `expected ${quote(path)} to be JSON in UTF-8 without a byte order mark, got text in another encoding`,
      { hint: "have Sealift or tar write it to a file; what PowerShell's > and some editors write is changed" },
    );
  }
  const isDocument = beginning !== "" && /^[ \t\r\n]*(?:\{|$)/.test(beginning);
  return isDocument ? await readSmallFile(path, maxSize) : undefined;
}

// In bytes. JSON may begin with any number of spaces, and no bundle with so many.
const BEGINNING_LENGTH = 64;

/** The first bytes of a regular file, a character each; none if it is something else, or not there. */
async function beginningOf(path: string): Promise<string> {
  try {
    // O_NONBLOCK: opening a pipe without a writer would wait for one.
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) return "";
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(BEGINNING_LENGTH), 0, BEGINNING_LENGTH, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw mediumError(error, "read", path);
  }
}

// A byte order mark of UTF-8 or UTF-16, or a brace in two or four bytes of UTF-16 or UTF-32.
function hasOtherEncoding(beginning: string): boolean {
  return /^(?:\u00ef\u00bb\u00bf|\u00ff\u00fe|\u00fe\u00ff|\0{0,3}\{\0|\0{1,3}\{)/.test(beginning);
}
