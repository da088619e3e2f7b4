import type { Argv, InferredOptionTypes, Options } from "yargs";
import { showDashes } from "../lone-dash.js";
import type { Outcome, Session } from "../session.js";

/** Options or operands by name, in yargs' terms. */
export type Parameters = Readonly<Record<string, Options>>;

/** Runs what the command line asked for. */
export type Execute = (session: Session) => Promise<Outcome>;

/** Takes what was typed, as yargs gives it, and what it asks for. */
type Choose = (args: Readonly<Record<string, unknown>>, execute: Execute) => void;

/** A command as the command line knows it. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** The operands and the most important options, for the command's own help. */
  readonly usage: string;
  /** What stands after the name without a dash; it is demanded if it says so. */
  readonly operands: Parameters;
  readonly options: Parameters;
  /** Adds the command to a parser; `choose` is called with what was typed if it is this one. */
  readonly register: (yargs: Argv, choose: Choose) => Argv;
}

/** What {@link defineCommand} takes. */
interface CommandSpec<P extends Parameters, O extends Parameters> extends Omit<Command, "register"> {
  readonly operands: P;
  readonly options: O;
  /** Imports the API only when it is called: `sealift --help` has no use for it. */
  readonly run: (args: InferredOptionTypes<P & O>, session: Session) => Promise<Outcome>;
}

/** The options that every command has. */
export const GLOBAL_OPTIONS = ["json", "quiet", "help", "version"] as const;

/** Makes a command whose operands and options have types. */
export function defineCommand<P extends Parameters, O extends Parameters>(spec: CommandSpec<P, O>): Command {
  const { run, ...command } = spec;
  const operands = Object.entries<Options>(spec.operands);
  const signature = operands.map(operandSignature).join("");
  const build = (yargs: Argv) => {
    yargs.usage(`sealift ${spec.name} ${spec.usage}\n\n${spec.summary}.`);
    // Without a default of its own, help would show one of yargs' for a list.
    for (const [name, { describe }] of operands)
      yargs.positional(name, { type: "string", describe, default: undefined });
    // What is special to a command comes before what all of them have.
    yargs
      .options(spec.options)
      .group(Object.keys(spec.options), "Options:")
      .group([...GLOBAL_OPTIONS], "Global options:");
    return yargs;
  };
  return {
    ...command,
    register: (yargs, choose) =>
      yargs.command(`${spec.name}${signature}`, spec.summary, build, (given) => {
        const args = showDashes(given);
        // yargs gives what was declared, and more.
        choose(args, (session) => run(args as unknown as InferredOptionTypes<P & O>, session));
      }),
  };
}

function operandSignature([name, { array, demandOption }]: readonly [string, Options]): string {
  const text = array === true ? `${name}..` : name;
  return demandOption === true ? ` <${text}>` : ` [${text}]`;
}
