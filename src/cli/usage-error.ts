import { quote, SealiftError } from "../errors/index.js";
import { type Command, GLOBAL_OPTIONS } from "./commands/command.js";
import { closest } from "./suggestion.js";

/**
 * Says in Sealift's way what yargs complained about.
 *
 * @param message - What yargs says, in English.
 */
export function explainUsage(message: string, argv: readonly string[], commands: readonly Command[]): SealiftError {
  const word = argv.find((argument) => !argument.startsWith("-"));
  const command = commands.find(({ name }) => name === word);
  const { text, meant, advice } =
    command === undefined ? explainCommand(word, commands) : explainMessage(message, argv, command);
  const help = `see sealift ${command === undefined ? "" : `${command.name} `}--help`;
  const hint = [meant && `did you mean ${meant}? `, advice && `${advice}; `, help].filter(Boolean).join("");
  return new SealiftError("USAGE", text, { hint });
}

interface Explanation {
  readonly text: string;
  /** What the user meant, as far as one can guess. */
  readonly meant?: string | undefined;
  /** What to do besides looking into the help. */
  readonly advice?: string | undefined;
}

function explainCommand(word: string | undefined, commands: readonly Command[]): Explanation {
  const names = commands.map(({ name }) => name);
  const expected = `expected a command (${names.join(", ")})`;
  if (word === undefined) return { text: `${expected}, got none` };
  return { text: `${expected}, got ${quote(word)}`, meant: closest(word, names) };
}

function explainMessage(message: string, argv: readonly string[], command: Command): Explanation {
  const { pattern, explain } = MESSAGES.find(({ pattern }) => pattern.test(message)) ?? {
    pattern: /.*/,
    explain: () => ({ text: message }),
  };
  const [, ...names] = pattern.exec(message) ?? [];
  return explain(names, command, argv);
}

// What yargs 18 says in English (its locales/en.json), as far as its options as used here can provoke it.
const MESSAGES: readonly {
  readonly pattern: RegExp;
  readonly explain: (names: readonly string[], command: Command, argv: readonly string[]) => Explanation;
}[] = [
  {
    pattern: /^Not enough non-option arguments/,
    explain: (_names, { name, operands }) => ({
      text: `expected ${Object.keys(operands).join(" ").toUpperCase()}, got none`,
      // docker and podman take no registry for Docker Hub.
      advice: "registry" in operands ? `Docker Hub is sealift ${name} docker.io` : undefined,
    }),
  },
  {
    pattern: /^Missing required arguments?: (.*)/,
    explain: ([names = ""], { operands }) => {
      const missing = names.split(", ").map((name) => (name in operands ? name.toUpperCase() : flag(name)));
      return { text: `expected ${missing.join(" and ")}, got none` };
    },
  },
  {
    pattern: /^Not enough arguments following: (.*)/,
    explain: ([name = ""]) => ({ text: `expected a value after ${flag(name)}, got none` }),
  },
  {
    pattern: /^Arguments (.*) and (.*) are mutually exclusive/,
    explain: ([one = "", other = ""]) => ({ text: `expected either ${flag(one)} or ${flag(other)}, got both` }),
  },
  {
    pattern: /^Unknown arguments?: (.*)/,
    explain: ([names = ""], command, argv) => explainUnknown(names, command, argv),
  },
];

function explainUnknown(names: string, { name: command, options }: Command, argv: readonly string[]): Explanation {
  const [name = ""] = names.split(", ");
  const isOption = name !== "-" && (!argv.includes(name) || name.startsWith("-"));
  if (!isOption) {
    // Where a password is to come from standard input, it may well be the word that is too many.
    const isSecret = command === "login" || argv.includes("--password-stdin");
    const got = isSecret ? "another word" : quote(name);
    return { text: `expected no more after what ${command} needs, got ${got}` };
  }
  const known = closest(name, [...Object.keys(options), ...GLOBAL_OPTIONS]);
  return { text: `expected an option of ${command}, got ${quote(flag(name))}`, meant: known && flag(known) };
}

function flag(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
