import { type Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Answer } from "./http.js";

/**
 * Reads the body of an answer.
 *
 * @returns At most `limit` bytes, and whether they are all; if not, the rest is not read.
 * @throws SealiftError `UNREACHABLE` if the body breaks off; or the signal's reason.
 */
export async function readBody(answer: Answer, limit: number): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit) break;
    }
  } catch (cause) {
    throw answer.failure(cause);
  }
  return { bytes: Buffer.concat(chunks).subarray(0, limit), isWhole: size <= limit };
}

/**
 * Gives the body of an answer to `take`, chunk by chunk, each when the last one
 * was taken. When it fails, nothing is being taken any more.
 *
 * @throws SealiftError `UNREACHABLE` if the body breaks off, or comes so slowly
 * that the line must be lost; the signal's reason; or what `take` fails with.
 */
export async function pourBody(answer: Answer, take: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  const taker = new Taker(answer.body, take);
  const watch = watchRate(answer, taker);
  try {
    await pipeline(answer.body, taker);
  } catch (cause) {
    await taker.idle();
    throw taker.refusal ?? answer.failure(cause);
  } finally {
    clearInterval(watch);
  }
}

// In bytes a second; dnf's default as well (minrate, dnf.conf(5)). A line of
// 20 kB/s that sixteen transfers share gives each of them more.
const MIN_RATE = 1000;

/**
 * Ends a body that comes slower than {@link MIN_RATE}, as a connection does that
 * a lost line has left behind, or a server that drips: a new one may be faster.
 * While the taker is at work, it is the slow one, and nobody else's fault.
 */
function watchRate({ body, patience }: Answer, taker: Taker): NodeJS.Timeout {
  let before = 0;
  return setInterval(() => {
    const came = taker.taken - before;
    before = taker.taken;
    if (taker.writableLength > 0 || came * 1000 >= MIN_RATE * patience) return;
    body.destroy(new Error(`less than ${(MIN_RATE * patience) / 1e6} kB came within ${patience / 1000} s`));
  }, patience);
}

// Enough to keep a socket busy while the medium writes.
const HIGH_WATER_MARK = 1024 * 1024;

// A `for await` would do the same, and copy every byte once more: it joins all
// chunks that have piled up into one.
class Taker extends Writable {
  readonly #body: Readable;
  readonly #take: (chunk: Uint8Array) => Promise<void>;
  #busy: Promise<void> | undefined;
  /** How many bytes were taken. */
  taken = 0;
  /** What `take` failed with. */
  refusal: unknown;

  constructor(body: Readable, take: (chunk: Uint8Array) => Promise<void>) {
    super({ highWaterMark: HIGH_WATER_MARK });
    this.#body = body;
    this.#take = take;
  }

  /** Settles once no chunk is being taken. */
  async idle(): Promise<void> {
    await this.#busy;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    // The pipeline is about to destroy this, too; who waits for the last chunk shall not get another.
    if (this.#body.errored !== null) return;
    // Its memory is gone once it was taken.
    const { length } = chunk;
    this.#busy = this.#take(chunk).then(
      () => {
        this.taken += length;
        done();
      },
      (error: unknown) => {
        this.refusal = error;
        done(error as Error);
      },
    );
  }
}
