import { Readable } from "node:stream";
import type { Op, PartedSource, SequentialSource } from "../../ports/index.js";
import { PipeSource } from "../pipe-source.js";
import { type FoundFile, unpackedBytes } from "./found-file.js";

/** Gives the parts of a bundle, each when it is its turn. */
export interface PartFeed {
  /** How many there are; undefined if nobody says. */
  readonly count: number | undefined;
  /**
   * A part that is needed.
   *
   * @throws SealiftError `VOLUME_MISSING`, `BUNDLE_INVALID`, `INTERRUPTED`.
   */
  part(number: number): Promise<FoundFile>;
  /** A part that should not be there. */
  partIfThere(number: number): Promise<FoundFile | undefined>;
}

/** A bundle in several parts that are read one after the other, each opened only when its bytes are asked for. */
export class VolumeStream implements SequentialSource, PartedSource {
  readonly #feed: PartFeed;
  readonly #pipe: PipeSource;
  /** What was opened so far, and where in the bundle it begins. */
  readonly #opened: { readonly start: number; readonly name: string }[] = [];
  /** Up to which byte somebody has asked for the bundle. */
  #wanted = 0;
  #isEnding = false;
  #isClosed = false;
  #wake: () => void = () => undefined;

  /** @param name - Names the bundle in messages. */
  constructor(feed: PartFeed, name: string, op: Op = {}) {
    this.#feed = feed;
    this.#pipe = new PipeSource(Readable.from(this.#bytes(), { objectMode: false }), name, op);
  }

  get position(): number {
    return this.#pipe.position;
  }

  async read(length: number): Promise<Uint8Array> {
    this.#want(length);
    return await this.#pipe.read(length);
  }

  async peek(length: number): Promise<Uint8Array> {
    this.#want(length);
    return await this.#pipe.peek(length);
  }

  stream(length: number): Readable {
    this.#want(length);
    return this.#pipe.stream(length);
  }

  async expectEnd(): Promise<void> {
    this.#end();
    await this.#pipe.expectEnd();
  }

  async nameParts(position: number, length: number): Promise<string> {
    const end = position + Math.max(length, 1);
    const touched = this.#opened.filter(({ start }, at) => {
      const next = this.#opened[at + 1]?.start ?? Number.POSITIVE_INFINITY;
      return start < end && next > position;
    });
    return touched.map(({ name }) => name).join(" or ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#end();
    await this.#pipe[Symbol.asyncDispose]();
  }

  #want(length: number): void {
    this.#wanted = Math.max(this.#wanted, this.position + length);
    this.#wake();
  }

  #end(): void {
    this.#isEnding = true;
    this.#wake();
  }

  async *#bytes(): AsyncGenerator<Uint8Array> {
    let produced = 0;
    for (let number = 1; number <= (this.#feed.count ?? Number.POSITIVE_INFINITY); number += 1) {
      // Streams read ahead; nobody is asked for a part that nobody needs, or not yet.
      while (this.#wanted <= produced && !this.#isEnding) await new Promise<void>((wake) => (this.#wake = wake));
      if (this.#isClosed) return;
      const file = this.#wanted <= produced ? await this.#feed.partIfThere(number) : await this.#feed.part(number);
      if (file === undefined) return;
      const count = this.#feed.count;
      const name = `part ${number}${count === undefined ? "" : ` of ${count}`}, ${file.label}`;
      this.#opened.push({ start: produced, name });
      for await (const chunk of unpackedBytes(file)) {
        produced += chunk.length;
        yield chunk;
      }
    }
  }
}
