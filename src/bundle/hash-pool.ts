import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { threadError } from "../io/index.js";
import type { DigestOp } from "../ports/index.js";
import { type HashRequest, hashRange, prepareHash } from "./hash-range.js";
import type { HashReply } from "./hash-worker.js";

// More threads than this wait for the medium, not for a processor.
const MAX_WORKERS = 8;

// How much is hashed on the main thread before it looks after the rest, such as
// a Ctrl-C: a few milliseconds' worth, unless the medium is slow.
const INLINE_STEP = 1024 * 1024;

/** The hexadecimal hash of ranges of files, and how many bytes of them there were. */
interface HashedRange {
  readonly hex: string;
  readonly read: number;
}

interface Job {
  readonly request: HashRequest;
  readonly onBytes: ((bytes: number) => void) | undefined;
  readonly resolve: (result: HashedRange) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Hashes ranges of files on worker threads, one for each processor this process
 * may use. Threads start when there is work, and end on disposal. Where there is
 * one processor only, there are none: a second thread could but wait for it.
 */
export class HashPool implements AsyncDisposable {
  readonly #limit: number;
  readonly #workers = new Set<Worker>();
  readonly #idle: Worker[] = [];
  readonly #waiting: Job[] = [];
  readonly #running = new Map<Worker, Job>();
  readonly #ending = new Set<Promise<number>>();
  #closed: Error | undefined;

  /** @param processors - How many this process may use. */
  constructor(processors: number = availableParallelism()) {
    this.#limit = Math.min(processors, MAX_WORKERS);
  }

  /**
   * @throws SealiftError `MEDIUM_FAILED` if no thread can be started; the
   * signal's reason, at once; and the system's error if a file cannot be read.
   */
  async hash(request: HashRequest, op: DigestOp = {}): Promise<HashedRange> {
    const { onBytes, signal } = op;
    signal?.throwIfAborted();
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#limit === 1) return await this.#hashHere(request, op);
    let abandon: (() => void) | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const job: Job = { request, onBytes, resolve, reject };
        abandon = () => {
          this.#abandon(job);
          reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", abandon, { once: true });
        this.#waiting.push(job);
        this.#dispatch();
      });
    } finally {
      if (abandon !== undefined) signal?.removeEventListener("abort", abandon);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new Error("the hash pool is closed"));
    await Promise.all([...this.#ending, ...[...this.#workers].map((worker) => worker.terminate())]);
  }

  async #hashHere(request: HashRequest, { onBytes, signal }: DigestOp): Promise<HashedRange> {
    await prepareHash(request.algorithm);
    const hashing = hashRange(request, INLINE_STEP);
    for (;;) {
      const state = hashing.next();
      if (state.done === true) return state.value;
      onBytes?.(state.value);
      await setImmediate();
      signal?.throwIfAborted();
      if (this.#closed !== undefined) throw this.#closed;
    }
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop() ?? (this.#workers.size < this.#limit ? this.#tryStart() : undefined);
      if (worker === undefined) return;
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#running.set(worker, job);
      worker.postMessage(job.request);
    }
  }

  // Nobody waits for an answer of a thread where another one is started, so this must not throw.
  #tryStart(): Worker | undefined {
    try {
      return this.#start();
    } catch (error) {
      this.#fail(threadError(error, "hash-worker.js"));
      return undefined;
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./hash-worker.js", import.meta.url));
    this.#workers.add(worker);
    worker.on("message", (reply: HashReply) => {
      this.#reply(worker, reply);
    });
    worker.on("error", (error) => {
      this.#fail(threadError(error, "hash-worker.js"));
    });
    return worker;
  }

  // A thread that hashes hears nothing until it is done, so it is ended.
  #abandon(job: Job): void {
    const waiting = this.#waiting.indexOf(job);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
    for (const [worker, running] of this.#running) {
      if (running !== job) continue;
      this.#running.delete(worker);
      this.#workers.delete(worker);
      this.#ending.add(worker.terminate());
    }
    this.#dispatch();
  }

  #reply(worker: Worker, reply: HashReply): void {
    const job = this.#running.get(worker);
    if (job === undefined) return;
    if (reply.type === "progress") {
      job.onBytes?.(reply.bytes);
      return;
    }
    this.#running.delete(worker);
    this.#idle.push(worker);
    if (reply.type === "done") job.resolve(reply);
    else {
      const { message, code, syscall, read } = reply;
      job.reject(Object.assign(new Error(message), { code, syscall, read }));
    }
    this.#dispatch();
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    const jobs = [...this.#running.values(), ...this.#waiting.splice(0)];
    this.#running.clear();
    for (const job of jobs) job.reject(this.#closed);
  }
}
