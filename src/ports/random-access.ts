import type { Readable } from "node:stream";
import type { Digest, DigestAlgorithm } from "../oci/index.js";
import type { Op } from "./image.js";

/** A file, or something like one, whose parts are written in any order. */
export interface RandomAccessSink extends AsyncDisposable {
  /**
   * Makes room for `size` bytes before the first one is written.
   *
   * @throws SealiftError `NO_SPACE`, `FILE_TOO_LARGE`, `MEDIUM_FAILED`.
   */
  allocate(size: number): Promise<void>;

  /**
   * Writes `bytes` at `position`.
   *
   * @throws SealiftError as `allocate`.
   */
  write(position: number, bytes: Uint8Array): Promise<void>;

  /**
   * Makes all that was written durable and gives it its final name. Without
   * it, disposal leaves nothing behind.
   *
   * @throws SealiftError as `allocate`.
   */
  commit(): Promise<void>;
}

/** What {@link RandomAccessSource.digest} accepts. */
export interface DigestOp extends Op {
  /** Called with each further number of bytes that were hashed. */
  readonly onBytes?: (bytes: number) => void;
}

/** A file, or something like one, whose parts are read in any order. */
export interface RandomAccessSource extends AsyncDisposable {
  /** In bytes. */
  readonly size: number;

  /**
   * Exactly `length` bytes from `position`.
   *
   * @throws SealiftError `BUNDLE_INVALID` if the source ends before, `MEDIUM_FAILED`.
   */
  read(position: number, length: number): Promise<Uint8Array>;

  /** The same bytes as a stream, which fails as `read` does. */
  stream(position: number, length: number): Readable;

  /**
   * The digest of the same bytes. Calls run in parallel, as the machine allows.
   *
   * @throws SealiftError as `read`; or the signal's reason.
   */
  digest(position: number, length: number, algorithm: DigestAlgorithm, op?: DigestOp): Promise<Digest>;
}
