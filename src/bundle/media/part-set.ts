import { isSealiftError, quote, SealiftError } from "../../errors/index.js";
import {
  MAX_PARTS,
  MAX_VOLUMES_FILE_SIZE,
  parsePartName,
  parseVolumesFile,
  type VolumesFile,
} from "../volumes-file.js";
import { beginsLikeBundle, type FoundFile, haveSameEdges, unpackedBytes } from "./found-file.js";
import type { Find, Scan } from "./scan.js";

/** The parts of one bundle, as far as they were found. */
export interface PartSet {
  /** The bundle's name, which is that of its parts without their numbers. */
  readonly name: string;
  /** By number, from 1; what goes by a number more than once is in there as often. */
  readonly parts: ReadonlyMap<number, readonly FoundFile[]>;
  readonly volumes: FoundVolumes | undefined;
  /** All that lies there: a part may have been given another name. */
  readonly finds: readonly Find[];
  /** Where it was looked, quoted. */
  readonly places: readonly string[];
}

/** A volumes file, and what it says. */
export interface FoundVolumes {
  readonly label: string;
  readonly content: VolumesFile;
}

/** What the user meant. */
export type Choice =
  | { readonly kind: "whole"; readonly file: FoundFile; readonly isPackedTar: boolean }
  | { readonly kind: "set"; readonly set: PartSet };

/**
 * Finds the one bundle among all that lies where the user pointed.
 *
 * @throws SealiftError `USAGE` if there are several, `FILE_NOT_FOUND` if there is
 * none, `BUNDLE_INVALID` if volumes files disagree, or what kept it from being found.
 */
export async function chooseBundle(scan: Scan): Promise<Choice> {
  const wholes = scan.finds.filter(isWhole);
  const sets = await partSets(scan);
  const likely: PartSet[] = [];
  for (const set of sets) if (await isLikely(set, scan)) likely.push(set);
  // Where nothing better lies, parts without a first one are what was meant: it is missing.
  const chosen = likely.length + wholes.length > 0 ? likely : sets;
  const choices: Choice[] = [
    ...wholes.map(({ file, kind }) => ({ kind: "whole", file, isPackedTar: kind === "packed-tar" }) as const),
    ...chosen.map((set) => ({ kind: "set", set }) as const),
  ];
  const [choice = lonePackedTar(scan)] = choices;
  if (choice === undefined) throw nothingFound(scan);
  if (choices.length > 1) throw severalFound(choices);
  return (await oddlyNamed(choice, scan)) ?? choice;
}

// What was named by its path is meant to be a bundle, whatever is in it.
function isWhole({ kind, origin }: Find): boolean {
  return kind === "bundle" || (origin === "named" && (kind === "packed-tar" || kind === "other"));
}

/** Something compressed in a folder is what was meant if nothing else there can be. */
function lonePackedTar({ finds }: Scan): Choice | undefined {
  const [find, ...others] = finds.filter(({ kind }) => kind === "packed-tar");
  return find === undefined || others.length > 0 ? undefined : { kind: "whole", file: find.file, isPackedTar: true };
}

/**
 * The parts of the bundle `name` among all that lies there, and no other; it may have none.
 *
 * @throws SealiftError `BUNDLE_INVALID` if volumes files disagree.
 */
export async function setNamed(scan: Scan, name: string): Promise<PartSet> {
  const set = (await partSets(scan)).find((candidate) => candidate.name === name);
  return set ?? { name, parts: new Map(), volumes: undefined, finds: [], places: scan.places };
}

async function partSets(scan: Scan): Promise<readonly PartSet[]> {
  const volumes = await readVolumes(scan);
  const parts = new Map<string, Map<number, FoundFile[]>>();
  for (const { file, kind } of scan.finds) {
    const parsed = kind === "part" ? parsePartName(file.name) : undefined;
    if (parsed === undefined) continue;
    const numbered = parts.get(parsed.name) ?? new Map<number, FoundFile[]>();
    parts.set(parsed.name, numbered.set(parsed.number, [...(numbered.get(parsed.number) ?? []), file]));
  }
  const meant = new Set(scan.finds.filter(({ origin }) => origin !== "beside").map(({ file }) => file));
  const sets = [...new Set([...parts.keys(), ...volumes.keys()])].map((name) => {
    const numbered = parts.get(name) ?? new Map<number, FoundFile[]>();
    return { name, parts: numbered, volumes: volumes.get(name), finds: scan.finds, places: scan.places };
  });
  return sets.filter(
    (set) => set.volumes?.isMeant === true || [...set.parts.values()].flat().some((file) => meant.has(file)),
  );
}

/** A set that there is more of than a file with a number in its name. */
async function isLikely({ parts, volumes }: PartSet, { finds }: Scan): Promise<boolean> {
  if (volumes !== undefined) return true;
  const own = new Set([...parts.values()].flat());
  if (finds.some(({ file, origin }) => origin === "named" && own.has(file))) return true;
  for (const file of parts.get(1) ?? []) if (await beginsLikeBundle(file)) return true;
  return false;
}

// Of all volumes files that lie where the user pointed: hundreds, of sets as large as can be.
const MAX_VOLUMES_FILES_SIZE = 16 * MAX_VOLUMES_FILE_SIZE;

function tooManyVolumes(): SealiftError {
  return new SealiftError(
    "CONFIG_INVALID",
    `expected volumes files of at most ${MAX_VOLUMES_FILES_SIZE} bytes in all, got more`,
    { hint: "put the parts of the bundle, and its volumes file, into a folder of their own" },
  );
}

interface MeantVolumes extends FoundVolumes {
  readonly isMeant: boolean;
}

/** The volumes files, by the name of the bundle whose parts they list. */
async function readVolumes({ finds }: Scan): Promise<ReadonlyMap<string, MeantVolumes>> {
  const found = new Map<string, MeantVolumes>();
  let size = 0;
  for (const { file, kind, origin } of finds) {
    if (kind !== "volumes") continue;
    size += Math.min(file.size, MAX_VOLUMES_FILE_SIZE);
    if (size > MAX_VOLUMES_FILES_SIZE) throw tooManyVolumes();
    const content = await readVolumesFile(file, { isOurs: origin === "named" || hasPartsOf(file, finds) });
    const name = parsePartName(content?.parts[0]?.name ?? "")?.name;
    if (content === undefined || name === undefined) continue;
    const other = found.get(name);
    if (other !== undefined && JSON.stringify(other.content) !== JSON.stringify(content)) {
      throw new SealiftError(
        "BUNDLE_INVALID",
        `expected one volumes file of ${quote(name)}, got two that differ: ${other.label} and ${file.label}`,
        { hint: "one of them is of another bundle, or of an older one of that name: leave out the folder it is in" },
      );
    }
    const isMeant = origin !== "beside" || other?.isMeant === true;
    found.set(name, { label: other?.label ?? file.label, content, isMeant });
  }
  return found;
}

const WITHOUT_VOLUMES_FILE = "remove that file: the parts are read without it, too";

/** What a volumes file says; undefined for a file that only has such a name. */
async function readVolumesFile(file: FoundFile, { isOurs }: { isOurs: boolean }): Promise<VolumesFile | undefined> {
  if (file.size > MAX_VOLUMES_FILE_SIZE && !isOurs) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of unpackedBytes(file)) {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= MAX_VOLUMES_FILE_SIZE) continue;
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected the volumes file ${file.label} to have at most ${MAX_VOLUMES_FILE_SIZE} bytes, got more`,
      { hint: WITHOUT_VOLUMES_FILE },
    );
  }
  try {
    return parseVolumesFile(Buffer.concat(chunks), `the volumes file ${file.label}`);
  } catch (error) {
    if (!isOurs) return undefined;
    if (!isSealiftError(error)) throw error;
    throw new SealiftError(error.code, error.message, { hint: WITHOUT_VOLUMES_FILE, cause: error });
  }
}

function hasPartsOf(volumes: FoundFile, finds: readonly Find[]): boolean {
  return finds.some(({ file, kind }) => {
    const name = kind === "part" ? parsePartName(file.name)?.name : undefined;
    return name !== undefined && volumes.name.startsWith(`${name}.`);
  });
}

/** A bundle whose own name ends like that of a part: `release.202`. */
async function oddlyNamed(choice: Choice, { finds }: Scan): Promise<Choice | undefined> {
  if (choice.kind === "whole" || choice.set.volumes !== undefined) return undefined;
  const files = [...choice.set.parts.values()].flat();
  const [file] = files;
  const isNamed = finds.some((find) => find.file === file && find.origin === "named");
  if (file === undefined || files.length > 1 || !isNamed || choice.set.parts.has(1)) return undefined;
  return (await beginsLikeBundle(file)) ? { kind: "whole", file, isPackedTar: false } : undefined;
}

/** The one file that stands for the part `number`; undefined if there is none. */
export async function onlyPart({ name, parts }: PartSet, number: number): Promise<FoundFile | undefined> {
  const [file, ...others] = parts.get(number) ?? [];
  for (const other of others) {
    if (file === undefined || (await haveSameEdges(file, other))) continue;
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected one part ${number} of ${quote(name)}, got two that differ: ${file.label} and ${other.label}`,
      { hint: "one of them is of another bundle, or of an older one of that name: leave it out" },
    );
  }
  return file;
}

/** The largest number that a part of a set has. */
export function lastNumber({ parts }: PartSet): number {
  return Math.min(MAX_PARTS, Math.max(0, ...parts.keys()));
}

function nothingFound({ finds, places, troubles }: Scan): SealiftError {
  const [trouble] = troubles;
  if (trouble !== undefined) return trouble;
  const names = finds.slice(0, MAX_NAMES).map(({ file }) => quote(file.name));
  const more = finds.length > names.length ? `, and ${finds.length - names.length} more` : "";
  const got = names.length === 0 ? "no file" : `${names.join(", ")}${more}`;
  return new SealiftError("FILE_NOT_FOUND", `expected a bundle or its parts in ${places.join(", ")}, got ${got}`, {
    hint: "name a file that sealift export wrote, or the folder that it is in",
  });
}

function severalFound(choices: readonly Choice[]): SealiftError {
  const names = choices.slice(0, MAX_NAMES).map((choice) => {
    if (choice.kind === "whole") return choice.file.label;
    const { name, parts, volumes } = choice.set;
    const [first] = [...parts.values()].flat();
    return `the parts of ${quote(name)} (${first?.label ?? volumes?.label ?? ""})`;
  });
  const more = choices.length > names.length ? `, and ${choices.length - names.length} more` : "";
  return new SealiftError("USAGE", `expected one bundle, got ${choices.length}: ${names.join(", ")}${more}`, {
    hint: "name the one that you mean, by its file, its volumes file, or its first part",
  });
}

// More names say no more.
const MAX_NAMES = 8;
