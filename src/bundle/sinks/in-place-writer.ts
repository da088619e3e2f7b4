import { constants, type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { quote, SealiftError } from "../../errors/index.js";
import { errnoOf, mediumError } from "../../io/index.js";
import type { PlacedSource, RepairTarget } from "../../ports/index.js";
import { syncFolderAt } from "./sync-folder.js";

/** Overwrites a bundle, or its parts, where they lie. */
export class InPlaceWriter implements RepairTarget {
  readonly #source: PlacedSource;
  readonly #files = new Map<string, FileHandle>();
  /** The folders of the files that were made. */
  readonly #folders = new Set<string>();
  readonly #folderForNew: string | undefined;

  /**
   * @param source - The same bundle; it is only asked where its bytes lie.
   * @param folderForNew - Where parts are made that are missing; without it, where the source has them.
   */
  constructor(source: PlacedSource, folderForNew?: string) {
    this.#source = source;
    this.#folderForNew = folderForNew;
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { path, offset, length } = this.#place(position + done);
      const handle = await this.#open(path);
      // What is behind the last file's end goes there as well.
      const part = bytes.subarray(done, length === 0 ? bytes.length : done + length);
      try {
        for (let written = 0; written < part.length; ) {
          written += (await handle.write(part, written, part.length - written, offset + written)).bytesWritten;
        }
      } catch (error) {
        throw mediumError(error, "write", path);
      }
      done += part.length;
    }
  }

  async trim(size: number): Promise<void> {
    const { path, offset } = this.#place(size - 1);
    const handle = await this.#open(path);
    try {
      await handle.truncate(offset + 1);
    } catch (error) {
      throw mediumError(error, "shorten", path);
    }
  }

  async sync(): Promise<void> {
    for (const [path, handle] of this.#files) {
      try {
        await handle.sync();
      } catch (error) {
        throw mediumError(error, "write", path);
      }
    }
    for (const path of this.#folders) await syncFolderAt(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.#files.values()) await handle.close().catch(() => undefined);
  }

  #place(position: number) {
    const place = this.#source.placeOf(position);
    if (place !== undefined) return place;
    throw new SealiftError(
      "USAGE",
      "expected a bundle that can be written where it lies, got one inside another file",
      {
        hint: "unpack it first, and repair what was unpacked",
      },
    );
  }

  async #open(path: string): Promise<FileHandle> {
    const opened = this.#files.get(path);
    if (opened !== undefined) return opened;
    try {
      const handle = await this.#openOrMake(path);
      this.#files.set(path, handle);
      return handle;
    } catch (error) {
      throw mediumError(error, "write", path);
    }
  }

  async #openOrMake(path: string): Promise<FileHandle> {
    try {
      // A link is not followed, and a pipe without a reader not waited for.
      const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const stats = await handle.stat();
      // What has a second name is somebody's file.
      if (stats.isFile() && stats.nlink === 1) return handle;
      await handle.close();
      throw notOurs(path, stats.isFile() ? "one with several names (hard links)" : "something else");
    } catch (error) {
      if (LINK_ERRORS.has(errnoOf(error) ?? "")) throw notOurs(path, "a link");
      if (errnoOf(error) !== "ENOENT") throw error;
      // O_EXCL: a link that somebody puts there in between is not followed.
      const made = this.#folderForNew === undefined ? path : join(this.#folderForNew, basename(path));
      const handle = await open(made, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o666);
      this.#folders.add(dirname(made));
      return handle;
    }
  }
}

// What systems say where O_NOFOLLOW meets a link (open(2); FreeBSD and NetBSD have their own).
const LINK_ERRORS = new Set(["ELOOP", "EMLINK", "EFTYPE"]);

function notOurs(path: string, what: string): SealiftError {
  return new SealiftError("CONFIG_INVALID", `expected ${quote(path)} to be a file with one name, got ${what}`, {
    hint: "what else it may be is not overwritten: copy the file itself to this place, or name it by its own path",
  });
}
