import { quote, SealiftError } from "../../errors/index.js";
import { parsePartName, partName, type VolumePart } from "../volumes-file.js";
import { type FoundFile, foundEdges } from "./found-file.js";
import { type FoundVolumes, lastNumber, onlyPart, type PartSet } from "./part-set.js";

/** A part of a bundle, and what stands for it. */
export interface ResolvedPart {
  /** From 1. */
  readonly number: number;
  /** How many bytes of the bundle it should hold; of what was found, if nobody says. */
  readonly size: number;
  readonly file: FoundFile | SealiftError;
  /** In hexadecimal; undefined if nobody says. */
  readonly sha256: string | undefined;
}

/**
 * Decides which file stands for each part of a set, from the first to the last.
 *
 * @param tolerant - Whether what is missing or wrong is left to whoever reads it:
 * the parts are placed as they should lie, as far as that is known.
 * @throws SealiftError `VOLUME_MISSING`; `BUNDLE_INVALID` for a part of another
 * set, a stale, renamed or cut one, or one too many.
 */
export async function resolveParts(set: PartSet, tolerant: boolean): Promise<readonly ResolvedPart[]> {
  const { volumes } = set;
  const parts: ResolvedPart[] = [];
  if (volumes === undefined) {
    for (let number = 1; number <= lastNumber(set); number += 1) {
      const file = await onlyPart(set, number);
      parts.push({
        number,
        size: file?.size ?? 0,
        file: file ?? missingPart(set, number),
        sha256: undefined,
      });
    }
  } else {
    if (!tolerant) assertNoMore(set, volumes);
    for (const [at, part] of volumes.content.parts.entries()) {
      const { size, sha256 } = part;
      const file = await listedPart(set, volumes, at, tolerant);
      if (!tolerant && file instanceof SealiftError) throw file;
      parts.push({ number: at + 1, size, sha256, file });
    }
  }
  if (tolerant) return volumes === undefined ? placedAlike(set, parts) : parts;
  for (const { file } of parts) if (file instanceof SealiftError) throw file;
  return parts;
}

/**
 * The file for a part that a volumes file lists, or the error that says what is
 * wrong with what goes by its name.
 *
 * @param at - Its number less 1.
 * @param tolerant - Whether a wrong file is better than none.
 */
export async function listedPart(
  set: PartSet,
  volumes: FoundVolumes,
  at: number,
  tolerant: boolean,
): Promise<FoundFile | SealiftError> {
  const part = volumes.content.parts[at];
  const files = set.parts.get(at + 1) ?? [];
  if (part === undefined || files.length === 0) return await missingListed(set, volumes, at);
  let right: FoundFile | undefined;
  let wrong: SealiftError | undefined;
  for (const file of files) {
    if (await isPart(file, part)) right ??= file;
    else wrong ??= await wrongPart(file, volumes, at);
  }
  if (tolerant) return right ?? files[0] ?? missingPart(set, at + 1, volumes);
  return wrong ?? right ?? missingPart(set, at + 1, volumes);
}

async function isPart(file: FoundFile, part: VolumePart): Promise<boolean> {
  if (file.size !== part.size) return false;
  const edges = await foundEdges(file);
  // A packed one would have to be unpacked to its end: its bytes are verified when they are read.
  return edges === undefined || edges === part.edges;
}

async function wrongPart(file: FoundFile, { content, label }: FoundVolumes, at: number): Promise<SealiftError> {
  const { parts } = content;
  const expected = `expected ${file.label} to be part ${at + 1} of ${parts.length}, as ${label} says`;
  const size = parts[at]?.size ?? 0;
  const edges = await foundEdges(file);
  const other = parts.findIndex((part) => part.size === file.size && part.edges === edges);
  if (other >= 0) {
    return new SealiftError("BUNDLE_INVALID", `${expected}, got part ${other + 1}: it was renamed`, {
      hint: `rename it back to ${quote(parts[other]?.name ?? "")}`,
    });
  }
  if (file.size !== size) {
    const what = file.size < size ? "it was cut off" : "it is too long";
    return new SealiftError("BUNDLE_INVALID", `${expected}, with ${size} bytes, got ${file.size}: ${what}`, {
      hint: "copy this part again from where it was made",
    });
  }
  return new SealiftError("BUNDLE_INVALID", `${expected}, got a part of another set, or an older one of that name`, {
    hint: "copy this part, and the volumes file, again from where they were made",
  });
}

async function missingListed(set: PartSet, volumes: FoundVolumes, at: number): Promise<SealiftError> {
  const part = volumes.content.parts[at];
  for (const { file } of set.finds) {
    if (part === undefined || file.size !== part.size || parsePartName(file.name)?.name === set.name) continue;
    if ((await foundEdges(file)) !== part.edges) continue;
    return missingPart(set, at + 1, volumes, `${file.label} begins and ends like it: rename it to ${quote(part.name)}`);
  }
  return missingPart(set, at + 1, volumes);
}

/** The error for a part that is not where it was looked for. */
export function missingPart(set: PartSet, number: number, volumes = set.volumes, hint?: string): SealiftError {
  const count = volumes === undefined ? "" : ` of ${volumes.content.parts.length}`;
  return new SealiftError(
    "VOLUME_MISSING",
    `expected part ${number}${count}, ${quote(partName(set.name, number))}, in ${set.places.join(", ")}, got no such file`,
    {
      hint:
        hint ??
        "put all parts into one folder; verify and import also take several folders, and ask for one medium after the other with --volume-prompt",
    },
  );
}

function assertNoMore(set: PartSet, { content, label }: FoundVolumes): void {
  const count = content.parts.length;
  const [more] = set.parts.get(lastNumber(set)) ?? [];
  if (lastNumber(set) <= count || more === undefined) return;
  throw new SealiftError("BUNDLE_INVALID", `expected ${count} parts, as ${label} says, got also ${more.label}`, {
    hint: "it is of another set, or of an older one of that name: leave it out",
  });
}

/**
 * Without a volumes file, what is missing or cut off is taken to be as large as
 * most of the others are: export makes all but the last alike.
 *
 * @throws SealiftError `VOLUME_MISSING` if none is there to tell.
 */
function placedAlike(set: PartSet, parts: readonly ResolvedPart[]): readonly ResolvedPart[] {
  const size = usualSize(parts);
  return parts.map((part) => {
    const isLast = part.number === parts.length;
    if (part.size === 0 && size === 0) throw missingPart(set, part.number);
    if (isLast || part.size >= size) return part;
    return { ...part, size };
  });
}

/** The size that most parts but the last have; the larger of two. */
export function usualSize(parts: readonly Pick<ResolvedPart, "size">[]): number {
  const counts = new Map<number, number>();
  for (const { size } of parts.slice(0, -1)) if (size > 0) counts.set(size, (counts.get(size) ?? 0) + 1);
  const [usual] = [...counts].toSorted(([a, countA], [b, countB]) => countB - countA || b - a);
  return usual?.[0] ?? 0;
}
