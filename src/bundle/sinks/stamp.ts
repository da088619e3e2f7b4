import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { quote, SealiftError } from "../../errors/index.js";
import { errnoOf } from "../../io/index.js";

/** What tells a file from another one, and from itself after a change. */
export type Stamp = Pick<Stats, "dev" | "ino" | "size" | "mtimeMs">;

/**
 * The stamp of the file that a new one takes the place of; undefined if none does.
 *
 * A symbolic link is refused, wherever it points: the new file would take the
 * link's own place, and not be where the link says, such as on another medium.
 *
 * @throws SealiftError `FILE_EXISTS` if `path` is a symbolic link.
 */
export async function stampOfReplaced(path: string): Promise<Stamp | undefined> {
  const stats = await lstatOf(path);
  if (stats?.isSymbolicLink() !== true) return stats;
  throw new SealiftError("FILE_EXISTS", `expected ${quote(path)} to be a file or nothing, got a symbolic link`, {
    hint: "name the file that the link points to, or remove the link",
  });
}

/** What lies at `path`, be it a link; undefined if nothing does. */
export async function lstatOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether two stamps are of the same file, unchanged. */
export function sameStamp(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a?.dev === b?.dev && a?.ino === b?.ino && a?.size === b?.size && a?.mtimeMs === b?.mtimeMs;
}
