import { spawn } from "node:child_process";
import { SealiftError } from "../../errors/index.js";
import { errnoOf } from "../../io/index.js";

/** What a helper is run with. */
export interface HelperSurroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Ends the program when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** In milliseconds; by default {@link TIME_LIMIT_MS}. */
  readonly timeLimit?: number | undefined;
}

/** How a program ended. */
export interface Ended {
  /** Undefined if a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: Buffer;
  /** Its beginning. */
  readonly stderr: string;
}

// Time enough to unlock a keychain; nobody sits beside a job at night.
const TIME_LIMIT_MS = 30_000;

// An answer has a few kilobytes, even with a token in it.
const MAX_ANSWER = 1024 * 1024;

// Messages show less.
const MAX_STDERR = 4096;

/** A credential helper's program. */
export interface HelperProgram {
  /** `docker-credential-pass` */
  readonly program: string;
  /** Who names it, for messages. */
  readonly source: string;
}

/**
 * Runs `PROGRAM ACTION`, with `input` on its standard input: secrets never
 * stand in the list of processes.
 *
 * @throws SealiftError `CONFIG_INVALID` if it cannot be run, says too much, or
 * does not end in time; or the signal's reason. It has been killed then.
 */
export async function runHelper(
  { program, source }: HelperProgram,
  action: string,
  input: string,
  { env, signal, timeLimit = TIME_LIMIT_MS }: HelperSurroundings,
): Promise<Ended> {
  signal?.throwIfAborted();
  const child = spawn(program, [action], { env, stdio: "pipe", shell: false, windowsHide: true });
  const said = { stdout: [] as Buffer[], stderr: "" };
  let size = 0;
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<Ended>((resolve, reject) => {
      timer = setTimeout(() => reject(failure(program, action, `no end within ${timeLimit / 1000} s`)), timeLimit);
      onAbort = () => reject(signal?.reason as Error);
      signal?.addEventListener("abort", onAbort, { once: true });
      child.stdout.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER) reject(failure(program, action, `an answer of more than ${MAX_ANSWER} bytes`));
        else said.stdout.push(chunk);
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said.stderr = `${said.stderr}${text}`.slice(0, MAX_STDERR);
      });
      child.once("error", (cause) => reject(cannotRun({ program, source }, cause)));
      child.once("close", (code) =>
        resolve({ exitCode: code ?? undefined, stdout: Buffer.concat(said.stdout), stderr: said.stderr }),
      );
      // Whoever needs no input need not read it.
      child.stdin.on("error", () => undefined);
      child.stdin.end(input);
    });
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
    child.kill("SIGKILL");
    // A program that it started may hold the pipes open.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  }
}

function failure(program: string, action: string, got: string): SealiftError {
  return new SealiftError(
    "CONFIG_INVALID",
    `expected the credential helper ${program} to answer ${action}, got ${got}`,
    {
      hint: `try it alone: echo REGISTRY | ${program} ${action}`,
    },
  );
}

function cannotRun({ program, source }: HelperProgram, cause: unknown): SealiftError {
  const errno = errnoOf(cause) ?? "an error";
  const got = errno === "ENOENT" ? "no such program on the PATH" : errno;
  return new SealiftError(
    "CONFIG_INVALID",
    `expected to run the credential helper ${program}, which ${source} names, got ${got}`,
    { hint: "install it, put it on the PATH of whoever runs sealift, or remove it from that file", cause },
  );
}
