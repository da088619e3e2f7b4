import { basename, dirname, join } from "node:path";
import type { Options } from "yargs";
import { SealiftError } from "../errors/index.js";
import type { ExportToFileResult, WrittenBundle } from "../index.js";
import { shellWord } from "./render/shell-word.js";
import { exactBytes } from "./render/units.js";
import type { Session } from "./session.js";

/** How a bundle is put on its medium. */
export const MEDIUM_OPTIONS = {
  "volume-size": {
    type: "string",
    requiresArg: true,
    describe: "Cut the bundle into parts of this size, BUNDLE.001 and on: 4GB, 700MiB, fat32, dvd",
  },
  "verify-write": {
    type: "boolean",
    describe: "Read back from the medium what was written, and compare",
  },
} as const satisfies Record<string, Options>;

interface MediumArgs {
  readonly "volume-size"?: string | undefined;
  readonly "verify-write"?: boolean | undefined;
}

/**
 * Reads `--volume-size` and `--verify-write`.
 *
 * @param parse - Reads a size.
 * @throws SealiftError `USAGE` if a size is none, or `output` is a stream.
 */
export function mediumOptions(
  args: MediumArgs,
  output: string,
  parse: (text: string) => number,
): { readonly volumeSize?: number; readonly verifyWrite: boolean } {
  const size = args["volume-size"];
  const verifyWrite = args["verify-write"] ?? false;
  if (output === "-" && (size !== undefined || verifyWrite)) {
    const name = size === undefined ? "--verify-write" : "--volume-size";
    throw new SealiftError("USAGE", `expected --output to be a file with ${name}, got a stream`, {
      hint: `name a file, or leave out ${name}`,
    });
  }
  return { ...(size === undefined ? {} : { volumeSize: parse(size) }), verifyWrite };
}

/** Says aloud what `--verify-write` could not do. */
export function warnOfReadBack(
  { readBackFrom }: Pick<ExportToFileResult, "readBackFrom">,
  { warnAloud }: Session,
): void {
  if (readBackFrom !== "memory") return;
  warnAloud(
    "what was written was read back, but perhaps from memory: this system or file system does not let the medium itself be read. Unplug the medium, plug it in again, and run sealift verify",
  );
}

/** What was written, for people: the file, or the first and the last part. */
export function writtenNames(output: string, { volumes }: WrittenBundle): string {
  const [first, last] = [volumes?.parts[0]?.name, volumes?.parts.at(-1)?.name];
  if (first === undefined || last === undefined) return output;
  const path = join(dirname(output), first);
  return first === last ? path : `${path} to ${last}`;
}

/** The parts of the bundle, as a field; none if it is one file. */
export function volumeFields({ volumes }: WrittenBundle): readonly (readonly [string, string])[] {
  if (volumes === undefined) return [];
  const { parts, partSize } = volumes;
  const size = parts.length === 1 ? "" : `, of ${exactBytes(partSize)}`;
  return [["parts", `${parts.length}${size}`]];
}

/** How the parts are checked without Sealift; nothing if it is one file. */
export function sumsLines(output: string, { volumes }: WrittenBundle): string[] {
  if (volumes === undefined) return [];
  // It looks for the parts where it is run.
  const check = `sha256sum -c ${shellWord(`${basename(output)}.SHA256SUMS`)}`;
  return ["Other tools can check the parts, too, in the folder that holds them all:", `  ${check}`];
}

/** The last line: whether the medium can be pulled now. */
export function lastLine({ safeToRemove }: WrittenBundle): string {
  return safeToRemove ? "done: safe to remove" : "done: eject the medium before you remove it";
}
