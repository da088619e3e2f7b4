import type { Readable } from "node:stream";

/** A pipe, or something like one: its bytes come by once, from first to last. Calls do not overlap. */
export interface SequentialSource extends AsyncDisposable {
  /** How many bytes were read so far; what was only peeked at does not count. */
  readonly position: number;

  /**
   * Exactly the next `length` bytes, all in memory at once.
   *
   * @throws SealiftError `BUNDLE_INVALID` if the source ends before, `MEDIUM_FAILED`;
   * or the reason it was stopped for.
   */
  read(length: number): Promise<Uint8Array>;

  /**
   * The next `length` bytes, or all that are left if they are fewer; they stay to be read.
   *
   * @throws SealiftError `MEDIUM_FAILED`; or the reason it was stopped for.
   */
  peek(length: number): Promise<Uint8Array>;

  /**
   * Exactly the next `length` bytes as a stream, which fails as `read` does. It is
   * read to its end before anything else is asked for; if it is destroyed before,
   * the source is of no more use.
   */
  stream(length: number): Readable;

  /**
   * Checks that nothing is left.
   *
   * @throws SealiftError `BUNDLE_INVALID` if something is, `MEDIUM_FAILED`; or the
   * reason it was stopped for.
   */
  expectEnd(): Promise<void>;
}
