import { createHash, type Hash } from "node:crypto";
import { pipeline, type Readable, Transform, type TransformCallback } from "node:stream";
import { type Descriptor, type DigestAlgorithm, digestAlgorithm, finishDigest } from "../oci/index.js";
import { blobDigestError, blobSizeError } from "./blob-errors.js";

// Node's 64 KiB would make a reader wait for each chunk of a socket in turn;
// with a MiB the socket is read while the last chunks are still being written.
const HIGH_WATER_MARK = 1024 * 1024;

/**
 * The bytes of `source`, which fail unless they are exactly those of a
 * descriptor. When either end fails or is destroyed, so is the other.
 *
 * @param origin - Names where the bytes come from in errors: `the bundle`.
 * @param onBytes - Called with each further number of bytes that passed.
 */
export function verifiedStream(
  source: Readable,
  descriptor: Descriptor,
  origin: string,
  onBytes?: (bytes: number) => void,
): Readable {
  // The reader of the verifier sees every failure; there is nothing more to do about it here.
  return pipeline(source, new Verifier(descriptor, origin, onBytes), () => undefined);
}

/**
 * Passes bytes through and fails unless they are exactly those of a descriptor.
 *
 * The last chunk is held back until size and digest are known to be right, so
 * whoever reads never has the whole of a wrong blob: an upload of known length
 * cannot complete with bytes that do not match.
 */
class Verifier extends Transform {
  readonly #descriptor: Descriptor;
  readonly #origin: string;
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;
  readonly #onBytes: ((bytes: number) => void) | undefined;
  #received = 0;
  #held: Buffer | undefined;

  constructor(descriptor: Descriptor, origin: string, onBytes: ((bytes: number) => void) | undefined) {
    super({ highWaterMark: HIGH_WATER_MARK });
    this.#descriptor = descriptor;
    this.#origin = origin;
    this.#algorithm = digestAlgorithm(descriptor.digest);
    this.#hash = createHash(this.#algorithm);
    this.#onBytes = onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#received += chunk.length;
    if (this.#received > this.#descriptor.size) {
      done(blobSizeError(this.#descriptor, this.#origin, `at least ${this.#received}`));
      return;
    }
    this.#hash.update(chunk);
    this.#onBytes?.(chunk.length);
    const released = this.#held;
    this.#held = chunk;
    done(null, released);
  }

  override _flush(done: TransformCallback): void {
    if (this.#received !== this.#descriptor.size) {
      done(blobSizeError(this.#descriptor, this.#origin, String(this.#received)));
      return;
    }
    const came = finishDigest(this.#hash, this.#algorithm);
    if (came === this.#descriptor.digest) done(null, this.#held);
    else done(blobDigestError(this.#descriptor, this.#origin, came));
  }
}
