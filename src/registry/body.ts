import { Writable } from "node:stream";
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
 * was taken.
 *
 * @throws SealiftError `UNREACHABLE` if the body breaks off; the signal's reason;
 * or what `take` fails with.
 */
export async function pourBody(answer: Answer, take: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  const taker = new Taker(take);
  try {
    await pipeline(answer.body, taker);
  } catch (cause) {
    throw taker.refusal ?? answer.failure(cause);
  }
}

// Enough to keep a socket busy while the medium writes.
const HIGH_WATER_MARK = 1024 * 1024;

// A `for await` would do the same, and copy every byte once more: it joins all
// chunks that have piled up into one.
class Taker extends Writable {
  readonly #take: (chunk: Uint8Array) => Promise<void>;
  /** What `take` failed with. */
  refusal: unknown;

  constructor(take: (chunk: Uint8Array) => Promise<void>) {
    super({ highWaterMark: HIGH_WATER_MARK });
    this.#take = take;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#take(chunk).then(
      () => {
        done();
      },
      (error: unknown) => {
        this.refusal = error;
        done(error as Error);
      },
    );
  }
}
