import { isSealiftError } from "../../errors/index.js";
import { errnoOf } from "../../io/index.js";
import type { Digest, DigestAlgorithm } from "../../oci/index.js";
import type { DigestOp, RandomAccessSource } from "../../ports/index.js";

// A medium may have bad places, and this many one after the other; one that is
// gone has nothing else.
const MAX_FAILURES_IN_A_ROW = 16;

// What the system says of a medium that was pulled (errno(3)).
const GONE = new Set(["ENODEV", "ENXIO"]);

/**
 * Reads a source that may be damaged: what is missing or cannot be read is
 * undefined. A medium that fails everywhere is an error all the same.
 */
export class TolerantReads {
  readonly source: RandomAccessSource;
  #failuresInARow = 0;

  constructor(source: RandomAccessSource) {
    this.source = source;
  }

  /** @throws SealiftError `MEDIUM_FAILED` if nothing can be read any more. */
  async read(position: number, length: number): Promise<Uint8Array | undefined> {
    return await this.#attempt(() => this.source.read(position, length));
  }

  /** @throws As {@link TolerantReads.read}; or the signal's reason. */
  async digest(
    position: number,
    length: number,
    algorithm: DigestAlgorithm,
    op: DigestOp,
  ): Promise<Digest | undefined> {
    return await this.#attempt(() => this.source.digest(position, length, algorithm, op));
  }

  /** @throws As {@link TolerantReads.digest}. */
  async checksum(position: number, length: number, op: DigestOp): Promise<bigint | undefined> {
    return await this.#attempt(() => this.source.checksum(position, length, op));
  }

  async #attempt<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await read();
      this.#failuresInARow = 0;
      return result;
    } catch (error) {
      if (isSealiftError(error, "MEDIUM_FAILED")) {
        this.#failuresInARow += 1;
        const isGone = GONE.has(errnoOf(error.cause) ?? "") || this.#failuresInARow >= MAX_FAILURES_IN_A_ROW;
        if (!isGone) return undefined;
      } else if (isSealiftError(error, "BUNDLE_INVALID", "VOLUME_MISSING")) return undefined;
      throw error;
    }
  }
}
