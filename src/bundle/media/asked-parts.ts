import { isSealiftError, quote, SealiftError } from "../../errors/index.js";
import { partName } from "../volumes-file.js";
import { type FoundFile, foundEdges } from "./found-file.js";
import { type FoundVolumes, onlyPart, type PartSet, setNamed } from "./part-set.js";
import { listedPart, missingPart } from "./resolve-parts.js";
import { scanMedia } from "./scan.js";
import type { PartFeed } from "./volume-stream.js";

/**
 * Asks the user to insert another medium, and settles when that is said to be done.
 *
 * @throws SealiftError `INTERRUPTED` if the user wants to stop.
 */
export type AskForMedium = (request: string) => Promise<void>;

/** What there is in the place of a part. */
interface Outcome {
  readonly file: FoundFile | SealiftError;
  /** What was looked through; undefined if that failed. */
  readonly set: PartSet | undefined;
}

/** What is remembered of a part when its medium may be gone. */
interface GivenPart {
  readonly size: number;
  /** Undefined for a packed one. */
  readonly edges: string | undefined;
}

/** The parts of a set on media that are plugged in one after the other. */
export class AskedParts implements PartFeed {
  readonly #paths: readonly string[];
  readonly #ask: AskForMedium | undefined;
  readonly #name: string;
  #volumes: FoundVolumes | undefined;
  /** What was given out before there was a volumes file, by number. */
  readonly #given = new Map<number, GivenPart>();

  /**
   * @param paths - Where the media show up.
   * @param ask - Undefined if there is nobody to ask.
   */
  constructor(paths: readonly string[], set: PartSet, ask: AskForMedium | undefined) {
    this.#paths = paths;
    this.#ask = ask;
    this.#name = set.name;
    this.#volumes = set.volumes;
  }

  get count(): number | undefined {
    return this.#volumes?.content.parts.length;
  }

  async part(number: number): Promise<FoundFile> {
    for (;;) {
      const { file, set } = await this.#find(number);
      if (!(file instanceof SealiftError)) return file;
      if (this.#ask === undefined) throw file;
      await this.#ask(this.#request(file, set, number));
    }
  }

  async partIfThere(number: number): Promise<FoundFile | undefined> {
    try {
      return (await this.#look()).parts.get(number)?.[0];
    } catch (error) {
      // All that is needed was read: by now, any medium may be in its place.
      if (isMediumProblem(error)) return undefined;
      throw error;
    }
  }

  async #look(): Promise<PartSet> {
    const set = await setNamed(await scanMedia(this.#paths, true), this.#name);
    // A file may lie where a folder was: then no folder was looked in.
    return set.places.length > 0 ? set : { ...set, places: this.#paths.map((path) => quote(path)) };
  }

  async #find(number: number): Promise<Outcome> {
    let set: PartSet | undefined;
    try {
      set = await this.#look();
      return { file: await this.#partOf(set, number), set };
    } catch (error) {
      // Whatever is wrong with this medium, another one may be right.
      if (isMediumProblem(error)) return { file: error, set };
      throw error;
    }
  }

  async #partOf(set: PartSet, number: number): Promise<FoundFile | SealiftError> {
    // A volumes file may lie on one of the media only, and that may be of another set.
    if (this.#volumes === undefined && set.volumes !== undefined && this.#isProven(set.volumes)) {
      this.#volumes = set.volumes;
    }
    const volumes = this.#volumes ?? (this.#given.size === 0 ? set.volumes : undefined);
    if (volumes !== undefined) {
      const file = await listedPart(set, volumes, number - 1, false);
      // Until a part was read by it, the next medium may have a better one.
      if (!(file instanceof SealiftError)) this.#volumes = volumes;
      return file;
    }
    const file = await onlyPart(set, number);
    if (file === undefined) return missingPart(set, number);
    const other = set.volumes;
    if (other !== undefined && !this.#agrees(other) && (await listedPart(set, other, number - 1, false)) === file) {
      return partOfAnotherSet(file, other, number);
    }
    this.#given.set(number, { size: file.size, edges: await foundEdges(file) });
    return file;
  }

  /** Whether a volumes file lists the parts that were read, one of which can be told from all others. */
  #isProven(volumes: FoundVolumes): boolean {
    return this.#agrees(volumes) && [...this.#given.values()].some(({ edges }) => edges !== undefined);
  }

  #agrees({ content }: FoundVolumes): boolean {
    return [...this.#given].every(([number, { size, edges }]) => {
      const listed = content.parts[number - 1];
      return listed?.size === size && (edges === undefined || edges === listed.edges);
    });
  }

  #request(problem: SealiftError, set: PartSet | undefined, number: number): string {
    const count = this.count === undefined ? "" : ` of ${this.count}`;
    const wanted = `part ${number}${count}, ${quote(partName(this.#name, number))}`;
    const insert = `Insert the medium with ${wanted}, and press Enter`;
    if (set === undefined || problem.code !== "VOLUME_MISSING") return `This is not it: ${problem.message}. ${insert}`;
    const numbers = [...set.parts.keys()].toSorted((a, b) => a - b);
    const there = numbers.length === 0 ? "no part of it" : `part ${numbers.join(", ")}`;
    return `${set.places.join(", ")} has ${there}. ${this.#leftOut(set)}${insert}`;
  }

  #leftOut({ volumes }: PartSet): string {
    if (volumes === undefined || this.#volumes !== undefined || this.#given.size === 0) return "";
    return `${volumes.label} is left out: it is not known to be of the parts that were read. `;
  }
}

function isMediumProblem(error: unknown): error is SealiftError {
  return isSealiftError(error, "BUNDLE_INVALID", "CONFIG_INVALID", "FILE_NOT_FOUND", "MEDIUM_FAILED", "VOLUME_MISSING");
}

function partOfAnotherSet(file: FoundFile, { label }: FoundVolumes, number: number): SealiftError {
  const expected = `expected ${file.label} to be part ${number} of the set whose first part was read`;
  return new SealiftError("BUNDLE_INVALID", `${expected}, got the one that ${label} lists, which is of another set`, {
    hint: "insert the medium that was written with the first one; or, if this part is of that set, remove that volumes file",
  });
}
