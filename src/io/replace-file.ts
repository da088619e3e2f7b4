import { randomUUID } from "node:crypto";
import { chown, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { quote, SealiftError } from "../errors/index.js";
import { errnoOf, mediumError } from "./medium-error.js";

// As Linux (path_resolution(7)).
const MAX_LINKS = 40;

/**
 * Puts a small file in the place of another, or makes it, in one step: whoever
 * reads it meanwhile finds the old bytes or the new. Where `path` is a symbolic
 * link, it stays one, and what it leads to is replaced. The owner stays the same.
 *
 * @param mode - Of the new file, whatever the old one had.
 * @throws SealiftError as for any file; what was there is untouched then.
 */
export async function replaceFile(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  try {
    const target = await targetOf(path);
    const draft = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
    try {
      await writeFile(draft, bytes, { flag: "wx", mode, flush: true });
      await keepOwner(target, draft);
      await rename(draft, target);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  } catch (error) {
    throw mediumError(error, "write", path);
  }
}

/** Where a chain of symbolic links ends, be there a file or not. */
async function targetOf(path: string): Promise<string> {
  let target = path;
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    try {
      target = resolve(dirname(target), await readlink(target));
    } catch (error) {
      // EINVAL: it is no link.
      if (errnoOf(error) === "EINVAL" || errnoOf(error) === "ENOENT") return target;
      throw error;
    }
  }
  throw new SealiftError("CONFIG_INVALID", `expected ${quote(path)} to be a file, got symbolic links without an end`, {
    hint: "put a file in its place",
  });
}

// Root may edit the file of a user, who must still be able to read it.
async function keepOwner(target: string, draft: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(target).catch(() => ({ uid: 0, gid: 0 }));
  if (uid !== 0) await chown(draft, uid, gid);
}
