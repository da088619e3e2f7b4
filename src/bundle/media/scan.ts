import { opendir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isSealiftError, quote, SealiftError } from "../../errors/index.js";
import { mediumError } from "../../io/index.js";
import { HEADER_BLOCK_SIZE } from "../format/index.js";
import { MediumFile } from "../medium-file.js";
import { parsePartName, volumesFileName } from "../volumes-file.js";
import { type FoundFile, headOf, isBundleHead, plainFile } from "./found-file.js";
import { isPackedTar } from "./outer-compression.js";

/** Something on the media that may be a bundle, or belong to one. */
export interface Find {
  readonly file: FoundFile;
  readonly kind: "part" | "volumes" | "bundle" | "packed-tar" | "other";
  /** Whether the user named it, or a folder or ZIP that holds it, or it lies beside a part that was named. */
  readonly origin: "named" | "inside" | "beside";
}

/** All that lies where the user pointed. */
export interface Scan {
  readonly finds: readonly Find[];
  /** The folders and ZIPs that were looked in, quoted. */
  readonly places: readonly string[];
  /** Why something could not be looked into that might have held the bundle. */
  readonly troubles: readonly SealiftError[];
}

// Far more than anybody keeps beside a bundle; each is opened to see what it is.
const MAX_FOLDER_FILES = 10_000;
const MAX_FINDS = 3 * MAX_FOLDER_FILES;

// Never what is looked for: half-made files of runs that ended early, who holds
// the lock, and what macOS writes beside each file on a medium without room for
// its attributes, under the file's name (AppleDouble, RFC 1740, appendix B).
const NEVER_MEANT = /\.partial(\.|$)|\.lock$|^\._/;

// A ZIP begins with its first file, or with its end if there is none; the first
// piece of a split one has a mark before. Its last piece begins with anything.
const ZIP_MAGICS: readonly number[] = [0x04034b50, 0x06054b50, 0x08074b50];
const ZIP_END_MAGIC = 0x06054b50;
const ZIP_END_SIZE = 22;

/**
 * Looks at files and into folders and ZIPs. Nothing stays open.
 *
 * @param mayBeGone - Whether what is not there is no error: a stick that is not plugged in.
 * @throws SealiftError `FILE_NOT_FOUND`, `CONFIG_INVALID`, `BUNDLE_INVALID` (a
 * ZIP that was named is damaged), `MEDIUM_FAILED`.
 */
export async function scanMedia(paths: readonly string[], mayBeGone: boolean): Promise<Scan> {
  const scan = new Scanner();
  for (const path of paths) {
    try {
      await scan.operand(path);
    } catch (error) {
      if (!mayBeGone || !isSealiftError(error, "FILE_NOT_FOUND", "MEDIUM_FAILED")) throw error;
      scan.places.add(quote(path));
    }
  }
  return { finds: scan.finds, places: [...scan.places], troubles: scan.troubles };
}

class Scanner {
  readonly finds: Find[] = [];
  readonly places = new Set<string>();
  readonly troubles: SealiftError[] = [];
  readonly #seen = new Set<string>();

  async operand(path: string): Promise<void> {
    const stats = await stat(path).catch((error: unknown) => {
      throw mediumError(error, "open", path);
    });
    if (stats.isDirectory()) {
      await this.#folder(path);
      return;
    }
    await using file = await MediumFile.open(path);
    const head = await file.read(0, HEADER_BLOCK_SIZE);
    const kind = nameKind(basename(path)) ?? headKind(head);
    if (isZip(head) || (kind === "other" && (await endsLikeZip(file)))) {
      await this.#zip(path, "named");
      return;
    }
    this.#add({ file: plainFile(path, basename(path), file.size), kind, origin: "named" });
    if (kind === "part" || kind === "volumes") await this.#beside(path);
  }

  async #folder(path: string): Promise<void> {
    this.places.add(quote(path));
    for (const name of await filesIn(path)) {
      await this.#try(async () => {
        const found = await plainIn(path, name);
        if (found === undefined) return;
        const kind = nameKind(name);
        const head = kind === undefined ? await headOf(found, HEADER_BLOCK_SIZE) : Buffer.alloc(0);
        if (isZip(head)) await this.#zip(found.path, "inside");
        else this.#add({ file: found, kind: kind ?? headKind(head), origin: "inside" });
      });
    }
  }

  async #beside(path: string): Promise<void> {
    const folder = dirname(path);
    this.places.add(quote(folder));
    for (const name of await filesIn(folder, (name) => nameKind(name) !== undefined)) {
      const kind = nameKind(name);
      if (kind === undefined) continue;
      const file = await plainIn(folder, name);
      if (file !== undefined) this.#add({ file, kind, origin: "beside" });
    }
  }

  async #zip(path: string, origin: Find["origin"]): Promise<void> {
    // Most media hold no ZIP, and the library takes its time to load.
    const { zipEntries } = await import("./zip-entries.js");
    const entries = (await zipEntries(path)).filter(({ name }) => !NEVER_MEANT.test(name));
    this.places.add(quote(path));
    for (const file of entries) {
      const sniff = async (): Promise<void> => {
        const kind = nameKind(file.name) ?? headKind(await headOf(file, HEADER_BLOCK_SIZE));
        this.#add({ file, kind: kind === "packed-tar" ? "other" : kind, origin: "inside" });
      };
      // Beside a bundle that can be read, another file of the ZIP may be anything.
      await (origin === "named" && entries.length === 1 ? sniff() : this.#try(sniff));
    }
  }

  #add(find: Find): void {
    const key = `${find.file.path}\0${find.file.offset}`;
    if (this.#seen.has(key)) return;
    if (this.finds.length >= MAX_FINDS) {
      throw new SealiftError("CONFIG_INVALID", `expected at most ${MAX_FINDS} files on all media, got more`, {
        hint: "name the bundle, or its parts, instead of the folders and ZIPs",
      });
    }
    this.#seen.add(key);
    this.finds.push(find);
  }

  /** What is wrong with one of many files matters only if no other is what is looked for. */
  async #try(look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!isSealiftError(error)) throw error;
      this.troubles.push(error);
    }
  }
}

/** @param isMeant - Others may be as many as they like. */
async function filesIn(path: string, isMeant = (_name: string) => true): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(path)) {
      if (!entry.isDirectory() && !NEVER_MEANT.test(entry.name) && isMeant(entry.name)) names.push(entry.name);
      if (names.length > MAX_FOLDER_FILES) {
        throw new SealiftError(
          "CONFIG_INVALID",
          `expected at most ${MAX_FOLDER_FILES} files in ${quote(path)}, got more`,
          {
            hint: "name the bundle, or its parts, instead of the folder",
          },
        );
      }
    }
  } catch (error) {
    throw mediumError(error, "look into", path);
  }
  return names.toSorted();
}

/** A regular file in a folder, be it by a link; undefined for anything else. */
async function plainIn(folder: string, name: string): Promise<FoundFile | undefined> {
  const path = join(folder, name);
  // A link may point to nowhere, and a file may just have been removed.
  const stats = await stat(path).catch(() => undefined);
  return stats?.isFile() === true ? plainFile(path, name, stats.size) : undefined;
}

function nameKind(name: string): "part" | "volumes" | undefined {
  if (name.endsWith(volumesFileName(""))) return "volumes";
  return parsePartName(name) === undefined ? undefined : "part";
}

function headKind(head: Buffer): "bundle" | "packed-tar" | "other" {
  if (isBundleHead(head)) return "bundle";
  return isPackedTar(head) ? "packed-tar" : "other";
}

async function endsLikeZip(file: MediumFile): Promise<boolean> {
  if (file.size < ZIP_END_SIZE) return false;
  const end = await file.read(file.size - ZIP_END_SIZE, ZIP_END_SIZE);
  return end.length === ZIP_END_SIZE && end.readUInt32LE(0) === ZIP_END_MAGIC;
}

function isZip(head: Buffer): boolean {
  return head.length >= 4 && ZIP_MAGICS.includes(head.readUInt32LE(0));
}
