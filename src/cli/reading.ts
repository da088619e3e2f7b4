import type { Options } from "yargs";
import { SealiftError } from "../errors/index.js";
import type { ReadingOptions } from "../index.js";
import type { CliInput } from "./host.js";
import { ask } from "./prompt.js";
import { shellWord } from "./render/shell-word.js";
import type { Session } from "./session.js";

/** What commands have as the operand that says where a bundle lies. */
export const BUNDLE_OPERAND = {
  type: "string",
  array: true,
  demandOption: true,
  describe: "The bundle; or its parts, or the folders or ZIPs that hold it; or - for standard input",
} as const satisfies Options;

/** For commands that can read a bundle part after part. */
export const VOLUME_OPTIONS = {
  "volume-prompt": {
    type: "boolean",
    default: false,
    describe: "Ask for the medium that holds the next part, when it is not there",
  },
} as const satisfies Record<string, Options>;

/** What the command line says of how a bundle is read. */
interface ReadingArguments {
  readonly bundle: readonly string[];
  readonly "volume-prompt"?: boolean;
  readonly "password-stdin"?: boolean | undefined;
}

/**
 * How the bundle is read that the command line names.
 *
 * @throws SealiftError `USAGE` if it is to come from standard input, and something else is, too, or nothing can.
 */
export function readingOptions(
  args: ReadingArguments,
  session: Session,
): Pick<ReadingOptions, "stdin" | "volumePrompt"> {
  const { stdin, stderr } = session.host;
  const { "volume-prompt": volumePrompt } = args;
  if (args.bundle.includes("-")) assertPiped(args, stdin);
  const canAsk = stdin.isTTY === true && stderr.isTTY === true;
  return {
    stdin,
    ...(volumePrompt === true ? { volumePrompt: { ask: canAsk ? askForMedium(session) : undefined } } : {}),
  };
}

function assertPiped(args: ReadingArguments, { isTTY }: CliInput): void {
  const other = (["volume-prompt", "password-stdin"] as const).find((name) => args[name] === true);
  if (other !== undefined) {
    throw new SealiftError("USAGE", `expected one thing on standard input, got - and --${other}`, {
      hint:
        other === "volume-prompt"
          ? "name the folders that the media appear in instead of -"
          : "log in before: sealift login REGISTRY",
    });
  }
  if (isTTY !== true) return;
  throw new SealiftError("USAGE", "expected a bundle on standard input, got a terminal", {
    hint: "pipe one in: sealift export ... -o - | sealift verify -",
  });
}

/** What a bundle is called in what is said to people. */
export function bundleName(paths: readonly string[]): string {
  return paths.includes("-") ? "the bundle on standard input" : paths.join(" ");
}

/** Where a bundle lies, as it is typed. */
export function bundleWords(paths: readonly string[]): string {
  return paths.map(shellWord).join(" ");
}

function askForMedium(session: Session): (request: string) => Promise<void> {
  return async (request) => {
    const resume = session.pauseProgress();
    try {
      const hint = "run the same command again: what is done already is not done again";
      await ask([{ text: request }], hint, session);
    } finally {
      resume();
    }
  };
}
