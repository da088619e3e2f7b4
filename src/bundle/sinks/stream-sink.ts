import { finished, type Writable } from "node:stream";
import { isSealiftError, SealiftError } from "../../errors/index.js";
import { errnoOf, mediumError } from "../../io/index.js";
import type { Op, RandomAccessSink } from "../../ports/index.js";

// What a write fails with when nobody reads the other end any more (pipe(7), and Node's own).
const READER_GONE = ["EPIPE", "ECONNRESET", "ERR_STREAM_DESTROYED", "ERR_STREAM_WRITE_AFTER_END"];

/**
 * A bundle that goes into a pipe: nothing of it can be taken back, or had again.
 * If it does not come to its end, whoever reads finds that out; no bundle is
 * whole before its last byte.
 */
export class StreamSink implements RandomAccessSink {
  readonly order = "in-order";
  readonly #stream: Writable;
  readonly #name: string;
  readonly #signal: AbortSignal | undefined;
  readonly #failed = new AbortController();
  readonly #stopWatching: () => void;
  #position = 0;

  /**
   * @param stream - Nobody else writes to it; it is not ended.
   * @param name - Names it in messages: `standard output`.
   * @param op - Its signal ends even a write that nobody reads.
   */
  constructor(stream: Writable, name: string, { signal }: Op = {}) {
    this.#stream = stream;
    this.#name = name;
    this.#signal = signal;
    this.#stopWatching = finished(stream, { readable: false }, (error) => {
      this.#failed.abort(
        error ?? new SealiftError("MEDIUM_FAILED", `expected ${name} to stay open, but it was closed`),
      );
    });
  }

  async allocate(): Promise<void> {}

  async write(position: number, bytes: Uint8Array): Promise<void> {
    if (position !== this.#position) {
      throw new Error(`byte ${this.#position} was to be written next, and byte ${position} came`);
    }
    this.#signal?.throwIfAborted();
    try {
      await this.#send(bytes);
    } catch (error) {
      this.#signal?.throwIfAborted();
      throw this.#explain(error);
    }
    this.#position += bytes.length;
  }

  /** All is with the system that passes it on; that somebody read it, only they can say. */
  async commit(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopWatching();
  }

  /** Resolves once a reader has made room for more. */
  async #send(bytes: Uint8Array): Promise<void> {
    const { signal: failed } = this.#failed;
    const signals = this.#signal === undefined ? [failed] : [failed, this.#signal];
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error | null): void => {
        for (const signal of signals) signal.removeEventListener("abort", stop);
        if (error) reject(error);
        else resolve();
      };
      const stop = (): void => settle(signals.find(({ aborted }) => aborted)?.reason as Error);
      for (const signal of signals) signal.addEventListener("abort", stop);
      if (failed.aborted) stop();
      // Streams may hand on the very memory, and `bytes` is lent.
      else this.#stream.write(Buffer.from(bytes), settle);
    });
  }

  #explain(error: unknown): unknown {
    const errno = errnoOf(error);
    if (isSealiftError(error) || errno === undefined || !READER_GONE.includes(errno)) {
      return mediumError(error, "write to", this.#name);
    }
    return new SealiftError(
      "MEDIUM_FAILED",
      `expected the whole bundle to be read from ${this.#name}, but who reads it went away after ${this.#position} bytes (${errno})`,
      { hint: "see what the command behind the pipe says, and run both again", cause: error },
    );
  }
}
