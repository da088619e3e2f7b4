import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { InPlaceWriter, parsePartName } from "../bundle/index.js";
import { SealiftError } from "../errors/index.js";
import { acquireLock } from "../io/index.js";
import { type DamageReport, repairBundle } from "../operations/index.js";
import { isPartedSource, type PlacedSource, type RandomAccessSource } from "../ports/index.js";
import { type DamageOptions, searchDamage } from "./damage.js";
import { type BundlePaths, openAnywhere } from "./opening.js";
import { common } from "./options.js";

/** What {@link repairFile} takes. */
export interface RepairFileOptions extends DamageOptions {
  /** The path of the patch. */
  readonly patch: string;
}

/** What {@link repairFile} did, and what it found then. */
export interface RepairFileResult {
  /** How many bytes were written. */
  readonly written: number;
  /** What all of the bundle was found to be afterwards. */
  readonly report: DamageReport;
}

/**
 * Heals a damaged bundle in its place with a patch, and checks all of it. It can
 * be stopped and run again at any time.
 *
 * @throws SealiftError `LOCKED` if another run writes the bundle; as
 * `openRandomMedium`, `repairBundle` and `findDamage`; damage that is left is no
 * error, but in the result.
 */
export async function repairFile(paths: BundlePaths, options: RepairFileOptions): Promise<RepairFileResult> {
  const written = await heal(paths, options);
  // What was too short, or missing, has to be opened anew.
  return { written, report: await searchDamage(paths, options) };
}

async function heal(paths: BundlePaths, options: RepairFileOptions): Promise<number> {
  await using source = await openAnywhere(paths, options, true);
  const path = source.placeOf(0)?.path;
  if (path === undefined) throw insideAnother();
  const name = isPartedSource(source) ? parsePartName(path)?.name : undefined;
  await using _lock = await acquireLock(`${name ?? path}.lock`);
  await using patch = await openAnywhere(options.patch, options);
  return await repairBundle({
    ...common(options),
    source,
    trust: options.trust,
    patch,
    openTarget: async () =>
      new InPlaceWriter(source, name === undefined ? undefined : await emptyFolder(paths, source)),
  });
}

/** A folder that was named though no part lies in it: it is on a medium with room for those that are missing. */
async function emptyFolder(paths: BundlePaths, source: RandomAccessSource & PlacedSource): Promise<string | undefined> {
  const taken = new Set<string>();
  for (let position = 0; position < source.size; ) {
    const place = source.placeOf(position);
    if (place === undefined || place.length === 0) break;
    taken.add(resolve(dirname(place.path)));
    position += place.length;
  }
  for (const path of typeof paths === "string" ? [paths] : paths) {
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isDirectory() === true && !taken.has(resolve(path))) return path;
  }
  return undefined;
}

function insideAnother(): SealiftError {
  return new SealiftError("USAGE", "expected a bundle that can be written where it lies, got one inside another file", {
    hint: "unpack it first, and repair what was unpacked",
  });
}
