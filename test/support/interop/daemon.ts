import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { tail, toolEnvironment } from "./process.js";

/** Each of the daemons here answers within two seconds of an idle machine. */
const START_LIMIT_MS = 60_000;
const POLL_MS = 50;

/** How long a daemon gets to end by itself before it is killed. */
const STOP_LIMIT_MS = 15_000;

/** A server that a test started: stopped with it, and gone at the latest when the test's own process ends. */
export class Daemon implements AsyncDisposable {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #logPath: string;
  #startError: Error | undefined;

  private constructor(name: string, args: readonly string[], logPath: string) {
    const log = openSync(logPath, "a");
    this.#name = name;
    this.#logPath = logPath;
    // The kernel ends it with this process, should that be killed before it can.
    const bound = ["--pdeathsig", "TERM", name, ...args];
    this.#child = spawn("setpriv", bound, { env: toolEnvironment(), stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child.once("error", (error) => {
      this.#startError = error;
    });
  }

  /**
   * Starts `command`, with its output in the file `logPath`, and waits until
   * `ready` gives a value, which it is asked for again and again.
   */
  static async start<T>(
    command: string,
    args: readonly string[],
    logPath: string,
    ready: (log: string) => Promise<T | undefined>,
  ): Promise<{ readonly daemon: Daemon; readonly answer: T }> {
    const daemon = new Daemon(command, args, logPath);
    try {
      return { daemon, answer: await daemon.#untilReady(ready) };
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The end of what it logged. */
  async log(): Promise<string> {
    return `${this.#name} logged:\n${tail(await readFile(this.#logPath, "utf8"))}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended()) {
      return;
    }
    const exit = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), STOP_LIMIT_MS);
    await exit;
    clearTimeout(kill);
  }

  async #untilReady<T>(ready: (log: string) => Promise<T | undefined>): Promise<T> {
    const limit = Date.now() + START_LIMIT_MS;
    while (!this.#ended() && Date.now() < limit) {
      const answer = await ready(await readFile(this.#logPath, "utf8"));
      if (answer !== undefined) {
        return answer;
      }
      await sleep(POLL_MS);
    }
    const what = this.#ended() ? "it ended" : `it gave no answer in ${START_LIMIT_MS} ms`;
    throw new Error(`expected ${this.#name} to start, but ${what}; ${await this.log()}`, { cause: this.#startError });
  }

  #ended(): boolean {
    const { exitCode, signalCode } = this.#child;
    return this.#startError !== undefined || exitCode !== null || signalCode !== null;
  }
}
