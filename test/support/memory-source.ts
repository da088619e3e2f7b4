import { Readable } from "node:stream";
import { loadXxh64 } from "../../src/bundle/format/index.js";
import { SealiftError } from "../../src/errors/index.js";
import { type Digest, type DigestAlgorithm, digestOf } from "../../src/oci/index.js";
import type { RandomAccessSource } from "../../src/ports/index.js";

/** Bytes in memory as a source, for tests that change a bundle thousands of times. */
export class MemorySource implements RandomAccessSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    if (position + length > this.size) throw new SealiftError("BUNDLE_INVALID", "the source ends before");
    return this.#bytes.subarray(position, position + length);
  }

  stream(position: number, length: number): Readable {
    return Readable.from([this.#bytes.subarray(position, position + length)], { objectMode: false });
  }

  async digest(position: number, length: number, algorithm: DigestAlgorithm): Promise<Digest> {
    return digestOf(await this.read(position, length), algorithm);
  }

  async checksum(position: number, length: number): Promise<bigint> {
    return (await loadXxh64())()
      .update(await this.read(position, length))
      .digest();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
