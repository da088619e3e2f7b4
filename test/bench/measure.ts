import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { tail, toolEnvironment } from "../support/interop/process.js";

/** A program with its arguments. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What standard input is read from; by default, nothing. */
  readonly stdin?: string;
}

/** What commands took, one after the other. */
export interface Measured {
  /** By the clock. */
  readonly seconds: number;
  /** Of processor time, in the program and in the kernel on its behalf. */
  readonly cpuSeconds: number;
  /** The most memory one of them held at a time, in bytes. */
  readonly peakBytes: number;
}

// The peak only ever grows, so looking now and then misses no more than what a
// process takes in its last moments.
const LOOK_INTERVAL_MS = 20;

// The unit of times in /proc: 100 to the second for programs, whatever the
// kernel's own clock does (proc(5), time(7)).
const TICKS_PER_SECOND = 100;

/** Runs commands one after the other; each must succeed. */
export async function measure(commands: readonly Command[]): Promise<Measured> {
  const cpuBefore = childrenCpuSeconds();
  const start = process.hrtime.bigint();
  let peakBytes = 0;
  for (const command of commands) peakBytes = Math.max(peakBytes, await runOnce(command));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  return { seconds, cpuSeconds: childrenCpuSeconds() - cpuBefore, peakBytes };
}

/** The same command on some processors only. */
export function pinned({ program, args, ...rest }: Command, processors: readonly number[]): Command {
  return { ...rest, program: "taskset", args: ["--cpu-list", processors.join(","), program, ...args] };
}

/** The processors this process may use. */
export function processors(): readonly number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

/** Its peak memory in bytes. */
async function runOnce({ program, args, env, stdin }: Command): Promise<number> {
  const input = stdin === undefined ? undefined : openSync(stdin, "r");
  const child = spawn(program, args, { env: toolEnvironment(env), stdio: [input ?? "ignore", "ignore", "pipe"] });
  if (input !== undefined) closeSync(input);
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = tail(said + chunk.toString());
  });
  let peakBytes = 0;
  const look = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(child.pid));
  }, LOOK_INTERVAL_MS);
  try {
    const ended = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
    });
    if (ended !== 0)
      throw new Error(`expected exit code 0, got ${ended} from: ${[program, ...args].join(" ")}\n${said}`);
  } finally {
    clearInterval(look);
  }
  return peakBytes;
}

// VmHWM, unlike getrusage's maxrss, does not count what the process was before it became this program.
function peakOf(pid: number | undefined): number {
  try {
    const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    // It has just ended.
    return 0;
  }
}

// Fields 16 and 17 of proc(5)'s stat; the second one, a name in parentheses, may hold spaces.
function childrenCpuSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}
