import { constants, type FileHandle, open } from "node:fs/promises";
import { errnoOf } from "../../io/index.js";

// A rename is durable once its folder is synced (fsync(2)). Where that is not
// possible, there is nothing better to do: folders that this user may write and
// not read, file systems and systems that sync no folders.
const NO_FOLDER_SYNC = new Set<unknown>(["EACCES", "EPERM", "EISDIR", "EINVAL", "ENOTSUP"]);

/** {@link syncFolder} by its path. */
export async function syncFolderAt(path: string): Promise<boolean> {
  await using folder = await openFolder(path);
  return await syncFolder(folder);
}

/** A folder to sync; undefined where there is no way to. */
export async function openFolder(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (error) {
    if (NO_FOLDER_SYNC.has(errnoOf(error))) return undefined;
    throw error;
  }
}

/** Makes the names in a folder durable; false where the system has no way to. */
export async function syncFolder(folder: FileHandle | undefined): Promise<boolean> {
  try {
    await folder?.sync();
    return folder !== undefined;
  } catch (error) {
    if (!NO_FOLDER_SYNC.has(errnoOf(error))) throw error;
    return false;
  }
}
