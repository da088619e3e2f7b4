import { Readable } from "node:stream";
import { SealiftError } from "../errors/index.js";
import { errnoOf, mediumError } from "../io/index.js";
import type { Op, SequentialSource } from "../ports/index.js";

const NOTHING = new Uint8Array(0);

/** Reads any stream of bytes as a bundle: standard input, or what is unpacked on the way. */
export class PipeSource implements SequentialSource {
  readonly #stream: Readable;
  readonly #name: string;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = (): void => {
    this.#stream.destroy();
  };
  /** What has come and was not asked for yet. */
  #rest: Uint8Array = NOTHING;
  #position = 0;
  #inStream = 0;

  /**
   * @param stream - Nobody else reads it; it is destroyed with the source.
   * @param name - Names it in messages: `standard input`.
   * @param op - Its signal ends even a call that waits for bytes.
   */
  constructor(stream: Readable, name: string, { signal }: Op = {}) {
    this.#stream = stream;
    this.#name = name;
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    // Whoever reads hears of it; until then, and once nobody reads any more, it is no unhandled error.
    stream.on("error", () => undefined);
    this.#signal = signal;
    signal?.addEventListener("abort", this.#stop, { once: true });
  }

  get position(): number {
    return this.#position;
  }

  async read(length: number): Promise<Uint8Array> {
    this.#assertFree();
    // A part of a chunk would keep all of it in memory.
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const chunk = await this.#next(length - done);
      if (chunk.length === 0) throw this.#endError(length - done);
      bytes.set(chunk, done);
      done += chunk.length;
    }
    return bytes;
  }

  async peek(length: number): Promise<Uint8Array> {
    this.#assertFree();
    if (this.#rest.length < length) {
      const chunks = [this.#rest];
      for (let missing = length - this.#rest.length; missing > 0; ) {
        const chunk = await this.#pull();
        if (chunk === undefined) break;
        chunks.push(chunk);
        missing -= chunk.length;
      }
      this.#rest = Buffer.concat(chunks);
    }
    return this.#rest.subarray(0, length);
  }

  stream(length: number): Readable {
    this.#assertFree();
    this.#inStream = length;
    return Readable.from(this.#take(length), { objectMode: false });
  }

  async expectEnd(): Promise<void> {
    if ((await this.peek(1)).length === 0) return;
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected ${this.#name} to end after ${this.#position} bytes, where the bundle does, got more`,
      { hint: "something was added to the bundle on its way: find out what, and send the bundle alone" },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#stop);
    this.#stream.destroy();
  }

  async *#take(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0; ) {
      const chunk = await this.#next(left);
      if (chunk.length === 0) throw this.#endError(left);
      left -= chunk.length;
      this.#inStream = left;
      yield chunk;
    }
  }

  /** At most `length` bytes; none only where the source ends, or none are asked for. */
  async #next(length: number): Promise<Uint8Array> {
    if (length === 0) return NOTHING;
    const chunk = this.#rest.length > 0 ? this.#rest : await this.#pull();
    if (chunk === undefined) return NOTHING;
    const taken = chunk.subarray(0, length);
    this.#rest = chunk.subarray(taken.length);
    this.#position += taken.length;
    return taken;
  }

  /** The next chunk with something in it; undefined at the end. */
  async #pull(): Promise<Uint8Array | undefined> {
    for (;;) {
      this.#signal?.throwIfAborted();
      const next = await this.#chunks.next().catch((error: unknown) => this.#fail(error));
      if (next.done === true) return undefined;
      if (next.value.length > 0) return next.value;
    }
  }

  #fail(error: unknown): IteratorReturnResult<undefined> {
    this.#signal?.throwIfAborted();
    // Closed without a word: the same as an end, as far as can be known here.
    if (errnoOf(error) === "ERR_STREAM_PREMATURE_CLOSE") return { done: true, value: undefined };
    throw mediumError(error, "read", this.#name);
  }

  #assertFree(): void {
    if (this.#inStream > 0) throw new Error("a part of the pipe is being read as a stream");
  }

  #endError(missing: number): SealiftError {
    return new SealiftError(
      "BUNDLE_INVALID",
      `expected ${missing} bytes more of the bundle at byte ${this.#position} of ${this.#name}, got its end`,
      { hint: "it was cut off: see what the sending side says, and send the whole bundle again" },
    );
  }
}
