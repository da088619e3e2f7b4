import type { Digest } from "../oci/index.js";
import type { RandomAccessSink, RandomAccessSource } from "./random-access.js";

/** A blob of which a sink has bytes, as its journal says. */
export interface JournaledBlob {
  readonly digest: Digest;
  /** Where its first byte lies in the sink; in bytes, as all that follows. */
  readonly position: number;
  readonly size: number;
  /** How many of its bytes, from the first one on, are there; all of them if it is finished. */
  readonly length: number;
}

/**
 * What an earlier run left in a sink. It may be anything: power may have failed
 * before bytes reached the medium. Whoever uses a blob of it hashes it.
 */
export interface Leftover {
  readonly source: Pick<RandomAccessSource, "size" | "read">;
  /** Names the signed index of the bundle that it was to become. */
  readonly indexDigest: Digest;
  readonly blobs: ReadonlyMap<Digest, JournaledBlob>;
}

/**
 * A sink that remembers what was written to it when a run ends before
 * {@link RandomAccessSink.commit}.
 */
export interface ResumableSink extends RandomAccessSink {
  /** What earlier runs left. */
  readonly leftovers: readonly Leftover[];

  /**
   * Says what is to be written, before {@link RandomAccessSink.allocate}.
   * Leftovers can still be read after it, but those that `allocate` needs the
   * room of; all are gone after `commit`.
   *
   * @returns the leftover that is gone on with, because it is of the same index:
   * what it has is in this sink, at the same places. Undefined if the sink has nothing yet.
   * @throws SealiftError as `allocate`.
   */
  begin(indexDigest: Digest): Promise<Leftover | undefined>;

  /**
   * Bytes that were written, of this run or, in a leftover that is gone on with, of an earlier one.
   *
   * @throws SealiftError `BUNDLE_INVALID` if there are fewer, `MEDIUM_FAILED`.
   */
  read(position: number, length: number): Promise<Uint8Array>;

  /**
   * Notes how much of a blob was written, for a later run. What is noted last
   * of a blob counts; a length of 0 says that none of it is of use.
   */
  note(blob: JournaledBlob): void;

  /** Where what was written stays when this is disposed of now, for a later run; undefined if it does not. */
  readonly kept: string | undefined;
}

/** Whether a sink is a {@link ResumableSink}. */
export function isResumableSink(sink: RandomAccessSink): sink is ResumableSink {
  return "leftovers" in sink && "note" in sink;
}
