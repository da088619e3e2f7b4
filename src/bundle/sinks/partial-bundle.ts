import type { Digest } from "../../oci/index.js";
import type { CommitOp } from "../../ports/index.js";

/**
 * A bundle that is not whole yet and does not have its name: one file, or
 * several. All methods fail as the medium does, with `NO_SPACE`,
 * `FILE_TOO_LARGE`, `MEDIUM_FAILED`, `FILE_NOT_FOUND` or `CONFIG_INVALID`.
 */
export interface PartialBundle {
  /** What it, or its first part, is called now. */
  readonly partialPath: string;
  /** Called, whenever all that was written up to a moment before has reached the medium. */
  onDurable: (() => void) | undefined;

  /** Makes room for another one to begin; this one is still there to be read, by this run or the next one. */
  setAside(): Promise<void>;

  /** How many bytes it has now, from the first one on. */
  size(): Promise<number>;

  /** How many bytes its medium has room for, with those that it has already, if it is to have `size`. */
  room(size: number): Promise<number>;

  /** Cuts it to this many bytes, or adds zeros up to there: as a hole, where the file system has such. */
  resize(size: number): Promise<void>;

  write(position: number, bytes: Uint8Array): Promise<void>;

  /**
   * Exactly `length` bytes from `position`, in memory of their own.
   *
   * @throws SealiftError `BUNDLE_INVALID` if it ends before.
   */
  read(position: number, length: number): Promise<Uint8Array>;

  /** Has all that was written reach the medium. */
  sync(): Promise<void>;

  /**
   * Prepares for {@link rename} what is synced.
   *
   * @param indexDigest - Of the signed index; undefined if nobody told.
   * @throws SealiftError `MEDIUM_FAILED`, also if `op.check` finds damage; or the signal's reason.
   */
  seal(indexDigest: Digest | undefined, op: CommitOp): Promise<void>;

  /**
   * Gives it its name, or its parts theirs, and ends it.
   *
   * @returns whether the names are known to have reached the medium, too: not all
   * systems can tell.
   * @throws SealiftError `LOCKED` if another run has put its own in this one's
   * place; `FILE_EXISTS` if what is to be replaced was changed meanwhile.
   */
  rename(): Promise<boolean>;

  /** Ends it, and leaves what it has under the name that it has now. Never fails. */
  keep(): Promise<void>;

  /** Ends it, and removes it, unless it has its name already. Never fails. */
  discard(): Promise<void>;
}

/** Makes the {@link PartialBundle}s of one place. */
export interface PartialBundleMaker {
  /**
   * Refuses a size, in bytes, that the file system does not take, or that cannot be cut.
   *
   * @throws SealiftError `FILE_TOO_LARGE`, `USAGE`.
   */
  assertFits(size: number): void;

  /** An empty one, in the place of a leftover if there is one. */
  begin(): Promise<PartialBundle>;

  /**
   * A leftover, with all that is in it; undefined if there is none that may be written to.
   *
   * @param partialPath - What it, or its first part, is called.
   */
  find(partialPath: string): Promise<PartialBundle | undefined>;
}
