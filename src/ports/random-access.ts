import type { Readable } from "node:stream";
import type { Digest, DigestAlgorithm } from "../oci/index.js";
import type { Op } from "./image.js";
import type { ReadBack } from "./read-back.js";

/** A file, or something like one, whose parts are written each at its position. */
export interface RandomAccessSink extends AsyncDisposable {
  /**
   * `any`: parts may be written in any order; what is never written is zeros.
   * `in-order`: bytes are written from first to last, without a gap. Pipes take
   * no other order. FAT and exFAT fill a gap with zeros before they write behind
   * it; there, what was written may be written again, if the sink can be resumed.
   */
  readonly order: "any" | "in-order";

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
   * it, disposal leaves nothing behind, or what can be gone on with.
   *
   * @throws SealiftError as `allocate`, and as `op.check.finish`; or the signal's
   * reason, as long as no name was given.
   */
  commit(op?: CommitOp): Promise<void>;
}

/** What {@link RandomAccessSink.commit} accepts. */
export interface CommitOp extends Op {
  /** Given all bytes as the medium has them, before they get their name. */
  readonly check?: ReadBack | undefined;
  /** Called with each further number of bytes that were read again, of `total`. */
  readonly onRead?: (bytes: number, total: number) => void;
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

  /**
   * The XXH64 (seed 0) of the same bytes. Calls run in parallel, too. It finds
   * damage at the speed of the medium, and proves nothing.
   *
   * @throws SealiftError as `read`; or the signal's reason.
   */
  checksum(position: number, length: number, op?: DigestOp): Promise<bigint>;
}
