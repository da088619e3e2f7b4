import { constants, type FileHandle, open } from "node:fs/promises";
import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import { mediumError } from "./medium-error.js";

/**
 * The whole of a small file. It must be a regular one: a pipe without a writer,
 * or a device, would keep its reader for ever.
 *
 * @param maxSize - In bytes; a larger file is refused, however large it is.
 * @param what - Names it in the error, for example `lock file "a.lock"`.
 * @throws SealiftError `FILE_NOT_FOUND`, `CONFIG_INVALID` (too large, not
 * readable, no regular file), `MEDIUM_FAILED`.
 */
export async function readSmallFile(path: string, maxSize: number, what = quote(path)): Promise<Buffer> {
  let handle: FileHandle | undefined;
  try {
    // O_NONBLOCK: opening a pipe without a writer would wait for one.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) {
      throw new SealiftError("CONFIG_INVALID", `expected ${what} to be a regular file, got something else`, {
        hint: "name a file, not a folder, a pipe or a device",
      });
    }
    // One byte more than allowed is enough to see that there are too many.
    const buffer = Buffer.alloc(maxSize + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = (await handle.read(buffer, length, buffer.length - length, null)).bytesRead;
    }
    if (length <= maxSize) return buffer.subarray(0, length);
  } catch (error) {
    throw mediumError(error, "read", path);
  } finally {
    await handle?.close();
  }
  throw new SealiftError("CONFIG_INVALID", `expected ${what} to have at most ${maxSize} bytes, got more`, {
    hint: "check that this is the file you mean",
  });
}

/** {@link readSmallFile} for a file that need not be there; undefined if it is not. */
export async function readSmallFileIfThere(path: string, maxSize: number): Promise<Buffer | undefined> {
  try {
    return await readSmallFile(path, maxSize);
  } catch (error) {
    if (isSealiftError(error, "FILE_NOT_FOUND")) return undefined;
    throw error;
  }
}
