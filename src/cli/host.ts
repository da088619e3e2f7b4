import type { Readable, Writable } from "node:stream";

/** What the user types into. On a terminal, readline switches echo off with `setRawMode`. */
export type CliInput = Readable & { readonly isTTY?: boolean };

/** What the user, or a file, gets to see. */
export type CliOutput = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** The signals that ask Sealift to stop. */
export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** The world around the command line. `process` is one. */
export interface CliHost {
  readonly stdin: CliInput;
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  readonly env: NodeJS.ProcessEnv;
  /** The folder that has the system's `etc`; without it, `/`. */
  readonly root?: string;
  /** Without a listener, the signal ends the process at once. */
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
}

/** Whether `output` is a terminal that moves its cursor on request. */
export function isTerminal(output: CliOutput, env: NodeJS.ProcessEnv): boolean {
  return output.isTTY === true && env["TERM"] !== "dumb";
}
