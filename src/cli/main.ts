import { type ExitCode, isSealiftError } from "../errors/index.js";
import type { CommandLine } from "./command-line.js";
import type { CliHost } from "./host.js";
import { listenForInterruption } from "./interruption.js";
import { warningLine } from "./render/event-line.js";
import { LineWriter, writeText } from "./render/lines.js";
import { openProgress } from "./render/progress.js";
import { Reporter } from "./render/reporter.js";
import type { Outcome } from "./session.js";
import { readVersion } from "./version.js";

/**
 * The `sealift` command. It never throws: whatever goes wrong is said on stderr,
 * and told by the exit code.
 *
 * @param argv - Without the names of Node and of the script.
 */
export async function main(argv: readonly string[], host: CliHost): Promise<ExitCode> {
  // Each write has its own way to tell that it failed; without a listener, Node would end the process, too.
  for (const output of [host.stdout, host.stderr]) output.on("error", () => undefined);
  // Even where the command line cannot be read, whoever asked for JSON gets it.
  let report = { json: argv.includes("--json"), quiet: false, isStdoutTaken: false };
  try {
    const commandLine = await readCommandLine(argv, host);
    if ("text" in commandLine) {
      await writeText(host.stdout, `${commandLine.text}\n`);
      return 0;
    }
    report = commandLine;
    return await new Reporter(host, report).outcome(await run(commandLine, host));
  } catch (error) {
    return await new Reporter(host, report).failure(error);
  }
}

async function readCommandLine(argv: readonly string[], host: CliHost): Promise<CommandLine> {
  // The parser alone takes longer to load than this answer may take.
  if (argv.length === 1 && argv[0] === "--version") return { text: readVersion() };
  const { parseCommandLine } = await import("./command-line.js");
  return parseCommandLine(argv, host.stdout.columns);
}

type Run = Extract<CommandLine, { readonly execute: unknown }>;

async function run({ execute, quiet }: Run, host: CliHost): Promise<Outcome> {
  const progress = await openProgress(host.stderr, host.env, quiet);
  const aloud = new LineWriter(host.stderr, host.env);
  using interruption = listenForInterruption(host, () => {
    progress.onEvent({ type: "step", text: "Stopping and cleaning up; a second Ctrl-C stops at once" });
  });
  const { signal } = interruption;
  const warnAloud = (text: string) => void aloud.write([warningLine(text)]).catch(() => undefined);
  try {
    return await execute({ host, signal, onEvent: progress.onEvent, warnAloud, pauseProgress: () => progress.pause() });
  } catch (error) {
    // Whatever fell over because of the wish to stop is not what the user wants to hear of.
    if (!isSealiftError(error, "INTERRUPTED")) signal.throwIfAborted();
    throw error;
  } finally {
    progress.stop();
  }
}
