import type { Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { quote, SealiftError } from "../errors/index.js";
import { isPlacedSource, type RandomAccessSource } from "../ports/index.js";
import { parsePartName } from "./volumes-file.js";

/** A bundle that is read, and the path that its user named. */
export interface ReadBundle {
  readonly path: string;
  readonly source: RandomAccessSource;
}

/**
 * Refuses to write a bundle over one that is read for it, or over a part of
 * that: should something go wrong, both would be lost.
 *
 * @param output - The path of the new bundle, whose parts it names, too.
 * @throws SealiftError `USAGE`.
 */
export async function assertNotRead(output: string, bundles: readonly ReadBundle[]): Promise<void> {
  const place = await realPlace(output);
  const there = await statIfThere(output);
  for (const { path, source } of bundles) {
    for (const file of new Set([path, ...filesOf(source)])) {
      const stats = await statIfThere(file);
      const isSame = there !== undefined && stats?.dev === there.dev && stats.ino === there.ino;
      if (!isSame && !(await isPartOf(place, file)) && !(await isBeside(place, file))) continue;
      throw new SealiftError("USAGE", `expected --output to be a new file, but ${quote(file)} is read for it`, {
        hint: "write to another name, and delete the old bundle once the new one was verified",
      });
    }
  }
}

/** The files that a source reads, as far as they hold nothing else. */
function filesOf(source: RandomAccessSource): readonly string[] {
  const files: string[] = [];
  if (!isPlacedSource(source)) return files;
  for (let position = 0; position < source.size; ) {
    const place = source.placeOf(position);
    if (place === undefined || place.length === 0) break;
    files.push(place.path);
    position += place.length;
  }
  return files;
}

// What a run that writes to a place has beside it: leftovers, which it goes on
// with or removes, of the bundle or its parts; their journals; its lock.
const BESIDE = /^(?:\.\d+)?\.(?:partial|lock)(?:\.|$)/;

async function isBeside(place: string, file: string): Promise<boolean> {
  const other = await realPlace(file);
  return other.startsWith(place) && BESIDE.test(other.slice(place.length));
}

async function isPartOf(place: string, file: string): Promise<boolean> {
  const part = parsePartName(basename(file));
  return part !== undefined && (await realPlace(join(dirname(file), part.name))) === place;
}

// The file itself need not be there.
async function realPlace(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path));
  return join(folder, basename(path));
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  return await stat(path).catch(() => undefined);
}
