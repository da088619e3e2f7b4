import { constants, open } from "node:fs/promises";
import { errnoOf, mediumError, readSmallFile } from "../io/index.js";

/**
 * The whole of a file that is JSON rather than a bundle: one that begins with a
 * brace. Undefined if it is anything else, such as a folder, or is not there.
 *
 * @param maxSize - In bytes.
 * @throws SealiftError `CONFIG_INVALID` if it is larger or cannot be read; `MEDIUM_FAILED`.
 */
export async function readDocument(path: string, maxSize: number): Promise<Uint8Array | undefined> {
  return (await beginsWithBrace(path)) ? await readSmallFile(path, maxSize) : undefined;
}

async function beginsWithBrace(path: string): Promise<boolean> {
  try {
    // O_NONBLOCK: opening a pipe without a writer would wait for one.
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) return false;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    return /^\s*\{/.test(buffer.toString("latin1", 0, bytesRead));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw mediumError(error, "read", path);
  }
}
