import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { TOOL_PATH } from "./tools.js";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file descriptor, or another process's output, to read standard input from; without it, or `input`, it is empty. */
  readonly stdin?: number | Readable;
  /** What is piped into standard input. */
  readonly input?: string;
}

export interface RunResult {
  /** The exit code, or the signal that ended the process. */
  readonly code: number | NodeJS.Signals;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Far above what any command takes here, and below the tests' own limit, so that the message names the command. */
const TIMEOUT_MS = 150_000;

/** How much of a tool's output a message shows, in characters from its end. */
const TAIL = 4000;

/** Runs a command to its end, whatever its exit code. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: toolEnvironment(options.env),
    stdio: [options.input === undefined ? (options.stdin ?? "ignore") : "pipe", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  // One that ends without reading it says why on standard error.
  child.stdin?.on("error", () => undefined).end(options.input);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve({
        code: code ?? signal ?? "SIGKILL",
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
}

/** Runs a command that must succeed; the bytes it printed. */
export async function bytesOf(command: string, args: readonly string[], options?: RunOptions): Promise<Buffer> {
  const result = await run(command, args, options);
  if (result.code !== 0) {
    const said = tail(`${result.stdout.toString()}\n${result.stderr}`);
    throw new Error(`expected exit code 0, got ${result.code} from: ${[command, ...args].join(" ")}\n${said}`);
  }
  return result.stdout;
}

/** Runs a command that must succeed; the text it printed, without white space at its ends. */
export async function textOf(command: string, args: readonly string[], options?: RunOptions): Promise<string> {
  return (await bytesOf(command, args, options)).toString().trim();
}

export function toolEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: TOOL_PATH, LC_ALL: "C", ...more };
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function tail(text: string): string {
  return text.length > TAIL ? `…${text.slice(-TAIL)}` : text;
}
