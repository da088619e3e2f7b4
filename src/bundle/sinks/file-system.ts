import { constants, type StatsFs } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { quote, SealiftError } from "../../errors/index.js";
import { mediumError } from "../../io/index.js";
import type { RandomAccessSink } from "../../ports/index.js";

/** What statfs(2) tells of the file system that a path is on. */
export type Statfs = (path: string) => Promise<Pick<StatsFs, "type">>;

/** What statfs(2) tells of the room on a file system: blocks of `bsize` bytes, and files. */
export type FreeRoom = Pick<StatsFs, "bavail" | "bsize" | "files" | "ffree">;

/** What has to be known of a file system to write a bundle to it. */
export interface FileSystem {
  /** For messages; undefined for the many that need no special care. */
  readonly name: string | undefined;
  /** In which order a large file is best written. */
  readonly order: RandomAccessSink["order"];
  /** The size of the largest file in bytes; infinite if the system itself says so in time. */
  readonly maxFileSize: number;
}

/** The largest file on FAT in bytes: the directory entry has 32 bits for the size (Linux: fs/fat/inode.c, s_maxbytes). */
export const MAX_FAT_FILE_SIZE = 0xffff_ffff;

/** One that takes all. */
export const ANY_FILE_SYSTEM: FileSystem = { name: undefined, order: "any", maxFileSize: Number.POSITIVE_INFINITY };

const inOrder = (name: string): FileSystem => ({ ...ANY_FILE_SYSTEM, name, order: "in-order" });

// By the type that statfs(2) gives on Linux (include/uapi/linux/magic.h; exFAT's
// and HFS+'s are in fs/exfat/exfat_raw.h and fs/hfsplus/hfsplus_raw.h, NTFS3's in
// fs/ntfs3/ntfs_fs.h). These cannot have holes as their drivers write them: a
// write behind the end of what was written fills all before it with zeros
// (cont_write_begin of fs/buffer.c; ntfs_extend_initialized_size), which writes
// every byte twice. All others take the full size at once, and refuse then what
// is too large for them.
const FILE_SYSTEMS = new Map<number, FileSystem>([
  [0x4d44, { name: "FAT32", order: "in-order", maxFileSize: MAX_FAT_FILE_SIZE }],
  [0x2011bab0, inOrder("exFAT")],
  [0x7366746e, inOrder("NTFS")],
  [0x482b, inOrder("HFS+")],
]);

/**
 * What kind of file system a folder is on. Where the system does not tell, it is
 * taken for one that can do all.
 */
export async function fileSystemOf(folder: string, ask: Statfs = statfs): Promise<FileSystem> {
  // Elsewhere the numbers mean something else, or nothing.
  if (process.platform !== "linux") return ANY_FILE_SYSTEM;
  const stats = await ask(folder).catch(() => undefined);
  return FILE_SYSTEMS.get(stats?.type ?? 0) ?? ANY_FILE_SYSTEM;
}

/**
 * Refuses a file that is too large for its file system, before it is begun.
 *
 * @param size - In bytes.
 * @throws SealiftError `FILE_TOO_LARGE`.
 */
export function assertFileSize(path: string, size: number, { name, maxFileSize }: FileSystem): void {
  if (size <= maxFileSize) return;
  const expected = `expected ${quote(dirname(path))} to take a file of ${size} bytes`;
  throw new SealiftError("FILE_TOO_LARGE", `${expected}, but ${name} takes at most ${maxFileSize}`, {
    hint: "cut the bundle into parts with --volume-size fat32, or format the medium with exFAT",
  });
}

/** How many bytes files of these sizes take, of which each begins with a block of its own. */
export function blocksOf(sizes: readonly number[], bsize: number): number {
  return sizes.reduce((sum, size) => sum + Math.ceil(size / bsize) * bsize, 0);
}

/**
 * Refuses a place with room for fewer files than are to be made.
 *
 * @param path - The bundle that they are made for.
 * @throws SealiftError `NO_SPACE`.
 */
export function assertRoomForFiles(path: string, count: number, { files, ffree }: FreeRoom): void {
  // Many file systems make room for files as they go, and give 0 for both.
  if (files <= 0 || ffree <= 0 || count <= ffree) return;
  const expected = `expected room for ${count} more files in ${quote(dirname(path))}`;
  throw new SealiftError("NO_SPACE", `${expected}, got room for ${ffree} (inodes)`, {
    hint: "remove files there, choose a larger --volume-size, or another medium with --output",
  });
}

/**
 * Refuses a place where nothing can be written, before any work is done for it.
 *
 * @param path - The file that is to be written.
 * @throws SealiftError `FILE_NOT_FOUND` if its folder is missing, `MEDIUM_FAILED`
 * if the medium is read-only, `CONFIG_INVALID` if permission is denied.
 */
export async function assertWritable(path: string, ask: typeof access = access): Promise<void> {
  const folder = dirname(path);
  try {
    if ((await stat(folder)).isDirectory()) {
      await ask(folder, constants.W_OK | constants.X_OK);
      return;
    }
  } catch (error) {
    throw mediumError(error, "write to", folder);
  }
  throw new SealiftError("FILE_NOT_FOUND", `expected ${quote(folder)} to be a folder, got something else`, {
    hint: "check the path",
  });
}
