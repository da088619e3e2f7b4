import yargs, { type Argv } from "yargs";
import { quote, SealiftError } from "../errors/index.js";
import type { Command, Execute } from "./commands/command.js";
import { diff } from "./commands/diff.js";
import { exportCommand } from "./commands/export.js";
import { importCommand } from "./commands/import.js";
import { inspect } from "./commands/inspect.js";
import { inventory } from "./commands/inventory.js";
import { keygen } from "./commands/keygen.js";
import { login } from "./commands/login.js";
import { logout } from "./commands/logout.js";
import { merge } from "./commands/merge.js";
import { patch } from "./commands/patch.js";
import { repair } from "./commands/repair.js";
import { tags } from "./commands/tags.js";
import { verify } from "./commands/verify.js";
import { hideDashes, showDash } from "./lone-dash.js";
import { explainUsage } from "./usage-error.js";
import { readVersion } from "./version.js";

/** What the command line asks for: a text to show, or a command to run. */
export type CommandLine =
  | { readonly text: string }
  | {
      readonly execute: Execute;
      readonly quiet: boolean;
      readonly json: boolean;
      /** Whether what the command makes goes to stdout, and so nothing else may. */
      readonly isStdoutTaken: boolean;
    };

const COMMANDS: readonly Command[] = [
  keygen,
  exportCommand,
  verify,
  importCommand,
  inspect,
  diff,
  merge,
  inventory,
  patch,
  repair,
  tags,
  login,
  logout,
];

// What fits an e-mail, and what is still pleasant to read.
const HELP_WIDTH = 80;

const EPILOGUE = `Environment:
  COSIGN_PASSWORD     password of the private key, instead of the question
  SOURCE_DATE_EPOCH   time a bundle is said to be made, in seconds since 1970
  DOCKER_CONFIG       folder of Docker's config.json; by default ~/.docker
  REGISTRY_AUTH_FILE  file with credentials, as --authfile
  DOCKER_AUTH_CONFIG  credentials themselves, in the form of config.json
  HTTPS_PROXY         proxy for https, as HTTP_PROXY for http
  NO_PROXY            hosts, domains and networks that need no proxy
  XDG_CONFIG_HOME     holds sealift/trusted-keys/*.pub; by default ~/.config
  NO_COLOR            if not empty: no colours
  SEALIFT_DEBUG       if 1: with an error, where in Sealift it came from

Exit codes:
  0  done                         5    done, but some images failed
  1  unexpected                   6    another run holds the lock
  2  usage or configuration       7    the medium: no space, too large, broken
  3  integrity or trust           130  interrupted
  4  registry`;

/**
 * Reads the command line.
 *
 * @param columns - The width of the terminal, if there is one.
 * @throws SealiftError `USAGE` for whatever the command line must not say.
 */
export function parseCommandLine(argv: readonly string[], columns: number | undefined): CommandLine {
  let text = "";
  const parser = globalParser(Math.min(columns ?? HELP_WIDTH, HELP_WIDTH)).fail(
    (message: string | undefined, error: Error | undefined) => {
      throw explainUsage(showDash(message ?? error?.message ?? ""), argv, COMMANDS);
    },
  );
  for (const command of COMMANDS) {
    command.register(parser, (args, execute) => {
      throw new Chosen(command, args, execute);
    });
  }
  try {
    parser.parseSync(hideDashes(argv), {}, (_error, _args, output) => {
      text = output;
    });
    return { text };
  } catch (error) {
    if (!(error instanceof Chosen)) throw error;
    const { command, args, execute } = error;
    assertGivenOnce(args, command);
    assertSwitches(argv, command);
    const isStdoutTaken = args["output"] === "-";
    return { execute, quiet: args["quiet"] === true, json: args["json"] === true, isStdoutTaken };
  }
}

// The way out of yargs once all is known: after a handler that returns, it lays
// out the help of that command, which takes as long as all the rest of it.
class Chosen extends Error {
  readonly command: Command;
  readonly args: Readonly<Record<string, unknown>>;
  readonly execute: Execute;

  constructor(command: Command, args: Readonly<Record<string, unknown>>, execute: Execute) {
    super(command.name);
    this.command = command;
    this.args = args;
    this.execute = execute;
  }
}

function globalParser(width: number): Argv {
  return (
    yargs()
      .scriptName("sealift")
      .usage("sealift COMMAND [options]\n\nCarries container images across an air gap.")
      .epilogue(EPILOGUE)
      .options({
        json: { type: "boolean", describe: "Print one JSON result on stdout, also for failures", global: true },
        quiet: { alias: "q", type: "boolean", describe: "Print errors only", global: true },
      })
      .help("help", "Show this")
      .alias("help", "h")
      .version("version", "Show the version", readVersion())
      .strict()
      .demandCommand(1)
      .parserConfiguration({
        // A typing error is refused, never read as something else.
        "boolean-negation": false,
        "camel-case-expansion": false,
        "dot-notation": false,
        // `--key a.pub bundle.tar` names one key and one bundle.
        "greedy-arrays": false,
        // All values are text until a command reads them.
        "parse-numbers": false,
        "parse-positional-numbers": false,
      })
      // yargs would take the language of the environment; all else is English.
      .detectLocale(false)
      .exitProcess(false)
      .wrap(width)
  );
}

// yargs reads whatever stands behind "=" as false, if it is not "true": `--dry-run=yes` would send.
function assertSwitches(argv: readonly string[], { options }: Command): void {
  const isSwitch = (name: string) => options[name]?.type === "boolean" || ["json", "quiet", "q"].includes(name);
  const wrong = argv.find((argument) => {
    const [, name = "", value = ""] = /^--?([^=]+)=(.*)$/s.exec(argument) ?? [];
    return isSwitch(name) && value !== "true" && value !== "false";
  });
  if (wrong === undefined) return;
  const name = wrong.replace(/=.*$/s, "");
  throw new SealiftError("USAGE", `expected ${name}, ${name}=true or ${name}=false, got ${quote(wrong)}`, {
    hint: `write ${name}, or leave it out`,
  });
}

function assertGivenOnce(args: Readonly<Record<string, unknown>>, { operands, options }: Command): void {
  for (const [name, { array }] of Object.entries({ ...operands, ...options })) {
    const given = args[name];
    if (!Array.isArray(given) || array === true) continue;
    throw new SealiftError("USAGE", `expected --${name} once, got it ${given.length} times`, {
      hint: "leave all but one out",
    });
  }
}
