import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isSealiftError, quote, SealiftError } from "../../errors/index.js";
import { mediumError, readSmallFileIfThere } from "../../io/index.js";
import { MediumFile } from "../medium-file.js";
import {
  edgesOf,
  encodeSums,
  MAX_VOLUMES_FILE_SIZE,
  parsePartName,
  parseVolumesFile,
  sumsFileName,
  type VolumePart,
  type VolumesFile,
  volumesFileName,
} from "../volumes-file.js";
import { PartialFile, partialPathOf } from "./partial-file.js";
import { type Stamp, sameStamp, stampOfReplaced } from "./stamp.js";

/** What lies where a set of volumes is to be written: nothing, or all there is of an earlier set. */
export interface ReplacedVolumes {
  /** The paths of the parts that are there, in their order. */
  readonly parts: readonly string[];
  /** Whether the earlier set is there as a whole. */
  readonly isWhole: boolean;
  /** Of each file that is there, by its path. */
  readonly stamps: ReadonlyMap<string, Stamp>;
}

/**
 * Finds out what a new set of volumes replaces, which must be Sealift's own, file
 * by file: a part that is left from another set would lie among the new ones, and
 * one that is somebody's file would be lost. Parts that are not there (they have
 * been carried away) are not missed.
 *
 * @param path - The bundle's, without a number. Whoever calls holds its lock.
 * @throws SealiftError `FILE_EXISTS` if anything else has one of the names,
 * `FILE_NOT_FOUND`, `MEDIUM_FAILED`, `CONFIG_INVALID`.
 */
export async function findReplacedVolumes(path: string): Promise<ReplacedVolumes> {
  const stamps = new Map<string, Stamp>();
  const volumesPath = siblingOf(path, volumesFileName);
  const sumsPath = siblingOf(path, sumsFileName);
  const found = await partsAt(path);
  for (const file of [...found, volumesPath, sumsPath]) {
    const stamp = await stampOfReplaced(file);
    if (stamp !== undefined) stamps.set(file, stamp);
  }
  const volumes = stamps.has(volumesPath) ? await readVolumes(volumesPath) : undefined;
  for (const file of found) await assertOwnPart(file, volumes, volumesPath);
  await assertOwnSums(path, [volumesPath]);
  return { parts: found, isWhole: volumes !== undefined && found.length === volumes.parts.length, stamps };
}

/**
 * Goes on with an export that was interrupted when all was written and only names
 * had still to be given: its record, the volumes file that is still a `.partial`,
 * says which.
 *
 * @param path - The bundle's, without a number. Whoever calls holds its lock.
 * @throws SealiftError as {@link findReplacedVolumes}.
 */
export async function finishRenames(path: string): Promise<void> {
  const volumesPath = siblingOf(path, volumesFileName);
  const volumes = await readRecord(partialPathOf(volumesPath));
  if (volumes === undefined) return;
  const pending: string[] = [];
  for (const part of volumes.parts) {
    const file = join(dirname(path), part.name);
    if (await isPart(partialPathOf(file), part)) pending.push(file);
    else if (!(await isPart(file, part))) return;
  }
  // What the record replaces is proved by its own volumes file, which is replaced last.
  const old = await readRecord(volumesPath);
  const stale: string[] = [];
  for (const file of await partsAt(path)) {
    if (await isListed(file, volumes)) continue;
    await assertOwnPart(file, old, volumesPath);
    stale.push(file);
  }
  await assertOwnSums(path, [volumesPath, partialPathOf(volumesPath)]);
  for (const file of pending) await giveName(file);
  for (const file of stale) if (!pending.includes(file)) await rm(file, { force: true });
  for (const file of [siblingOf(path, sumsFileName), volumesPath]) await giveName(file);
}

/** Removes the parts that interrupted exports have begun, and the files beside them. */
export async function removeLeftParts(path: string): Promise<void> {
  const suffix = partialPathOf("");
  const left = (await namesAt(path)).filter(
    (name) => name.endsWith(suffix) && parsePartName(name.slice(0, -suffix.length))?.name === basename(path),
  );
  const beside = [siblingOf(path, volumesFileName), siblingOf(path, sumsFileName)].map(partialPathOf);
  for (const file of [...left.map((name) => join(dirname(path), name)), ...beside]) {
    try {
      await rm(file, { force: true });
    } catch (error) {
      throw mediumError(error, "remove", file);
    }
  }
}

/** The path of a file beside the parts. */
export function siblingOf(path: string, nameOf: (name: string) => string): string {
  return join(dirname(path), nameOf(basename(path)));
}

async function partsAt(path: string): Promise<string[]> {
  const numbered = (await namesAt(path)).flatMap((name) => {
    const part = parsePartName(name);
    return part?.name === basename(path) ? [{ path: join(dirname(path), name), number: part.number }] : [];
  });
  return numbered.toSorted((a, b) => a.number - b.number).map((part) => part.path);
}

async function namesAt(path: string): Promise<string[]> {
  try {
    return await readdir(dirname(path));
  } catch (error) {
    throw mediumError(error, "read", dirname(path));
  }
}

async function readVolumes(path: string): Promise<VolumesFile> {
  try {
    const bytes = await readSmallFileIfThere(path, MAX_VOLUMES_FILE_SIZE);
    return parseVolumesFile(bytes ?? new Uint8Array(), quote(path));
  } catch (error) {
    if (!isSealiftError(error, "BUNDLE_INVALID", "CONFIG_INVALID")) throw error;
    throw somethingElse(path, "the volumes file of an earlier export", error);
  }
}

/** A volumes file that may be torn or missing. */
async function readRecord(path: string): Promise<VolumesFile | undefined> {
  try {
    return await readVolumes(path);
  } catch (error) {
    if (isSealiftError(error, "FILE_EXISTS")) return undefined;
    throw error;
  }
}

async function isListed(file: string, volumes: VolumesFile | undefined): Promise<boolean> {
  const part = volumes?.parts.find(({ name }) => name === basename(file));
  return part !== undefined && (await isPart(file, part));
}

async function assertOwnPart(file: string, volumes: VolumesFile | undefined, volumesPath: string): Promise<void> {
  if (await isListed(file, volumes)) return;
  const what = volumes === undefined ? "a part of an earlier export" : `the part that ${quote(volumesPath)} describes`;
  throw somethingElse(file, what);
}

/** Whether the sums that are there, if any, are those that belong to one of these volumes files. */
async function assertOwnSums(path: string, volumesPaths: readonly string[]): Promise<void> {
  const sumsPath = siblingOf(path, sumsFileName);
  const sums = await readSmallFileIfThere(sumsPath, MAX_VOLUMES_FILE_SIZE);
  if (sums === undefined) return;
  for (const volumesPath of volumesPaths) {
    const bytes = await readSmallFileIfThere(volumesPath, MAX_VOLUMES_FILE_SIZE);
    const volumes = await readRecord(volumesPath);
    if (bytes === undefined || volumes === undefined) continue;
    if (Buffer.compare(sums, encodeSums(basename(path), volumes, bytes)) === 0) return;
  }
  throw somethingElse(sumsPath, "the sums of an earlier export");
}

/** Whether a file is the part that is described, as far as its size and its edges tell. */
async function isPart(path: string, { size, edges }: VolumePart): Promise<boolean> {
  try {
    await using file = await MediumFile.open(path);
    if (file.size !== size) return false;
    return (await edgesOf(size, (position, length) => file.read(position, length))) === edges;
  } catch (error) {
    if (isSealiftError(error, "FILE_NOT_FOUND", "CONFIG_INVALID")) return false;
    throw error;
  }
}

async function giveName(path: string): Promise<void> {
  const partial = await PartialFile.find(path, await stampOfReplaced(path));
  await partial?.rename();
}

function somethingElse(path: string, what: string, cause?: unknown): SealiftError {
  return new SealiftError("FILE_EXISTS", `expected ${quote(path)} to be ${what}, or nothing, got something else`, {
    hint: "move that file away, or choose another name with --output",
    cause,
  });
}

/**
 * Refuses to touch a file that has changed since it was found.
 *
 * @throws SealiftError `FILE_EXISTS`.
 */
export async function assertUnchanged(path: string, found: Stamp | undefined): Promise<void> {
  if (sameStamp(await stampOfReplaced(path), found)) return;
  const expected = `expected to find ${quote(path)} as it was`;
  throw new SealiftError("FILE_EXISTS", `${expected}, but somebody changed it meanwhile`, {
    hint: "see what is there now, and start over",
  });
}

/**
 * Removes files of the replaced set that the new one has not overwritten, and
 * that are as they were found.
 */
export async function removeReplaced(stamps: ReadonlyMap<string, Stamp>, kept: ReadonlySet<string>): Promise<void> {
  for (const [path, stamp] of stamps) {
    if (kept.has(path)) continue;
    try {
      await assertUnchanged(path, stamp);
      await rm(path, { force: true });
    } catch (error) {
      throw mediumError(error, "remove", path);
    }
  }
}
