import { type ExitCode, isSealiftError, SealiftError } from "../../errors/index.js";
import type { CliHost, CliOutput } from "../host.js";
import type { Failure, Outcome } from "../session.js";
import { jsonText } from "./json-text.js";
import { type Line, LineWriter, writeText } from "./lines.js";
import { counted } from "./units.js";

/** How much is said, and in which form. */
export interface ReportOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether a bundle goes to stdout: results go to stderr then, and failures there only once. */
  readonly isStdoutTaken: boolean;
}

/** Prints what came of a command: results go to stdout, failures to stderr; with `--json`, both to stdout, too. */
export class Reporter {
  readonly #host: CliHost;
  readonly #options: ReportOptions;

  constructor(host: CliHost, options: ReportOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** Prints what a command did, and returns the exit code it earned. */
  async outcome({ result, lines, failures, error: found }: Outcome): Promise<ExitCode> {
    const error = found ?? (failures.length === 0 ? undefined : partialError(failures));
    if (this.#options.json) await this.#json({ ...describeEnd(error), result });
    else if (!this.#options.quiet) await new LineWriter(this.#results, this.#host.env).write(lines);
    if (error === undefined) return 0;
    await this.#sayFailure([...errorLines(error), ...failures.flatMap(failureLines)]);
    return error.exitCode;
  }

  /** Prints why a command failed, and returns its exit code. */
  async failure(thrown: unknown): Promise<ExitCode> {
    const error = isSealiftError(thrown) ? thrown : unexpected(thrown);
    // Only the way to say so is gone then; the exit code still tells.
    if (this.#options.json) await this.#json(describeEnd(error)).catch(() => undefined);
    await this.#sayFailure(errorLines(error));
    if (this.#host.env["SEALIFT_DEBUG"] === "1") await this.#say(stackLines(error));
    return error.exitCode;
  }

  async #json(value: object): Promise<void> {
    await writeText(this.#results, jsonText(value));
  }

  get #results(): CliOutput {
    return this.#options.isStdoutTaken ? this.#host.stderr : this.#host.stdout;
  }

  async #sayFailure(lines: readonly Line[]): Promise<void> {
    const isSaid = this.#options.json && this.#options.isStdoutTaken;
    if (!isSaid) await this.#say(lines);
  }

  async #say(lines: readonly Line[]): Promise<void> {
    await new LineWriter(this.#host.stderr, this.#host.env).write(lines).catch(() => undefined);
  }
}

function describeEnd(error: SealiftError | undefined): object {
  return error === undefined ? { ok: true, exitCode: 0 } : { ok: false, exitCode: error.exitCode, error };
}

function errorLines({ message, code, exitCode, hint }: SealiftError): Line[] {
  const line: Line = { label: "sealift:", colour: "red", text: `${message} [${code}, exit code ${exitCode}]` };
  return hint === undefined ? [line] : [line, `  hint: ${hint}`];
}

function failureLines({ image, error: { message, code, hint } }: Failure): string[] {
  const line = `  ${image}: ${message} [${code}]`;
  return hint === undefined ? [line] : [line, `    hint: ${hint}`];
}

// Only stacks: what else hangs on an error, such as a request, may hold a credential.
function stackLines(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  return [...(error.stack ?? error.message).split("\n"), ...stackLines(error.cause)];
}

function partialError(failures: readonly Failure[]): SealiftError {
  const failed = `${counted(failures.length, "image")} failed`;
  return new SealiftError("PARTIAL", `expected every image to be carried, but ${failed}; the others are done`);
}

function unexpected(thrown: unknown): SealiftError {
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new SealiftError("UNEXPECTED", `expected no such error, got ${what}`, {
    hint: "this is a defect in Sealift: run the command again with SEALIFT_DEBUG=1 set, and report what it prints",
    cause: thrown,
  });
}
