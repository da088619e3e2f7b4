import { isSealiftError, quote, SealiftError } from "../../errors/index.js";
import { partName } from "../volumes-file.js";
import type { FoundFile } from "./found-file.js";
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

/** The parts of a set on media that are plugged in one after the other. */
export class AskedParts implements PartFeed {
  readonly #paths: readonly string[];
  readonly #ask: AskForMedium | undefined;
  readonly #name: string;
  #volumes: FoundVolumes | undefined;

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
      const set = await this.#look();
      const found = await this.#find(set, number);
      if (!(found instanceof SealiftError)) return found;
      if (this.#ask === undefined) throw found;
      await this.#ask(this.#request(found, set, number));
    }
  }

  async partIfThere(number: number): Promise<FoundFile | undefined> {
    return (await this.#look()).parts.get(number)?.[0];
  }

  async #look(): Promise<PartSet> {
    const set = await setNamed(await scanMedia(this.#paths, true), this.#name);
    // A volumes file may lie on one of the media only.
    this.#volumes ??= set.volumes;
    return set;
  }

  async #find(set: PartSet, number: number): Promise<FoundFile | SealiftError> {
    try {
      const file =
        this.#volumes === undefined
          ? await onlyPart(set, number)
          : await listedPart(set, this.#volumes, number - 1, false);
      return file ?? missingPart(set, number);
    } catch (error) {
      // Whatever is wrong with this medium, another one may be right.
      if (isSealiftError(error, "BUNDLE_INVALID", "MEDIUM_FAILED", "CONFIG_INVALID")) return error;
      throw error;
    }
  }

  #request(problem: SealiftError, { parts, places }: PartSet, number: number): string {
    const count = this.count === undefined ? "" : ` of ${this.count}`;
    const wanted = `part ${number}${count}, ${quote(partName(this.#name, number))}`;
    const insert = `Insert the medium with ${wanted}, and press Enter`;
    if (problem.code !== "VOLUME_MISSING") return `This is not it: ${problem.message}. ${insert}`;
    const numbers = [...parts.keys()].toSorted((a, b) => a - b);
    const there = numbers.length === 0 ? "no part of it" : `part ${numbers.join(", ")}`;
    return `${places.join(", ")} has ${there}. ${insert}`;
  }
}
