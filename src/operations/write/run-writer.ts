import type { RandomAccessSink } from "../../ports/index.js";

// Thousands of small files go to the medium in writes of this many bytes.
const RUN_SIZE = 1024 * 1024;

/** Joins writes that follow each other. */
export class RunWriter {
  readonly #sink: RandomAccessSink;
  #parts: Uint8Array[] = [];
  #start = 0;
  #length = 0;

  constructor(sink: RandomAccessSink) {
    this.#sink = sink;
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    if (position !== this.#start + this.#length || this.#length + bytes.length > RUN_SIZE) {
      await this.flush();
      this.#start = position;
    }
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  /** Hands over what is left. */
  async flush(): Promise<void> {
    const [parts, start] = [this.#parts, this.#start];
    this.#parts = [];
    this.#start += this.#length;
    this.#length = 0;
    if (parts.length > 0) await this.#sink.write(start, Buffer.concat(parts));
  }
}
