import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isSealiftError, SealiftError } from "../errors/index.js";
import { retry } from "../io/index.js";
import type { Descriptor } from "../oci/index.js";
import type { ImageSource, Op } from "../ports/index.js";

// Enough to keep a socket busy while the medium writes.
const HIGH_WATER_MARK = 1024 * 1024;

/** Takes a chunk of a blob, at its position in the blob in bytes. */
type TakeChunk = (chunk: Uint8Array, position: number) => void | Promise<void>;

/**
 * Gives a blob to `take`, chunk by chunk. When the connection breaks in the
 * middle, it begins again at position 0; other failures are final, since the
 * source itself tries again where that is of use.
 *
 * @throws SealiftError as `ImageSource.fetchBlob`, and whatever `take` fails with.
 */
export async function receiveBlob(source: ImageSource, descriptor: Descriptor, take: TakeChunk, op: Op): Promise<void> {
  let began = false;
  const receive = async (): Promise<void> => {
    began = false;
    const stream = await source.fetchBlob(descriptor, op);
    began = true;
    await pipeline(stream, new Receiver(take));
  };
  await retry(receive, {
    ...op,
    minDelay: (error) => (began && isSealiftError(error, "UNREACHABLE") ? 0 : undefined),
  });
}

// A `for await` would do the same, and copy every byte once more: it joins all
// chunks that have piled up into one.
class Receiver extends Writable {
  readonly #take: TakeChunk;
  #position = 0;

  constructor(take: TakeChunk) {
    super({ highWaterMark: HIGH_WATER_MARK });
    this.#take = take;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    const position = this.#position;
    this.#position += chunk.length;
    Promise.resolve(this.#take(chunk, position)).then(() => {
      done();
    }, done);
  }
}

/**
 * The verified bytes of a small blob.
 *
 * @param maxSize - In bytes.
 * @throws SealiftError `MANIFEST_INVALID` if its descriptor states more, and as {@link receiveBlob}.
 */
export async function readBlob(
  source: ImageSource,
  descriptor: Descriptor,
  maxSize: number,
  op: Op,
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (size > maxSize) {
    throw new SealiftError(
      "MANIFEST_INVALID",
      `expected config ${digest} to have at most ${maxSize} bytes, got ${size}`,
    );
  }
  const bytes = Buffer.alloc(size);
  const take = (chunk: Uint8Array, position: number): void => {
    bytes.set(chunk, position);
  };
  await receiveBlob(source, descriptor, take, op);
  return bytes;
}
