import type { RandomAccessSource, SequentialSource } from "../../ports/index.js";

/** What the form of a bundle is read by, from its first byte on. */
export type BundleReader = Pick<SequentialSource, "position" | "peek" | "read">;

/** All that is needed of a bundle that can be read anywhere. */
type ReadableSource = Pick<RandomAccessSource, "size" | "read">;

/** Reads a bundle from its first byte on that can be read anywhere, and so passes over what is of no interest. */
export class SourceReader implements BundleReader {
  readonly #source: ReadableSource;
  #position = 0;

  constructor(source: ReadableSource) {
    this.#source = source;
  }

  get position(): number {
    return this.#position;
  }

  async read(length: number): Promise<Uint8Array> {
    const bytes = await this.#source.read(this.#position, length);
    this.#position += length;
    return bytes;
  }

  async peek(length: number): Promise<Uint8Array> {
    const left = Math.max(this.#source.size - this.#position, 0);
    return await this.#source.read(this.#position, Math.min(length, left));
  }

  /** Goes on `length` bytes after the last one read. */
  skip(length: number): void {
    this.#position += length;
  }
}
