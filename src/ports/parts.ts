import type { Digest } from "../oci/index.js";
import type { Op } from "./image.js";

/** A source whose bytes lie in several files, which the user can tell apart. */
export interface PartedSource {
  /**
   * Names the parts that these bytes lie in: `part 2 of 3, "/media/b/bundle.tar.002"`.
   * Where it is known what each part should be, those that are as they should be
   * are left out, which may take reading them.
   *
   * @param position - In bytes, as is `length`.
   * @throws SealiftError `MEDIUM_FAILED`; or the signal's reason.
   */
  nameParts(position: number, length: number, op?: Op): Promise<string>;
}

/** Whether a source is a {@link PartedSource}, too. */
export function isPartedSource<T extends object>(source: T): source is T & PartedSource {
  return "nameParts" in source;
}

/** A source that knows more than a number of bytes if it is too small or too large. */
export interface SizeExplainer {
  /** The error that says what is wrong if the bundle has `size` bytes, and the source has not. */
  sizeError(size: number): Error;
}

/** Whether a source is a {@link SizeExplainer}, too. */
export function isSizeExplainer<T extends object>(source: T): source is T & SizeExplainer {
  return "sizeError" in source;
}

/** A source in parts that was placed by a list of them, which nobody signed. */
export interface ListedSource {
  /** Whether there is such a list, and so a claim which bundle this is. */
  readonly isListed: boolean;

  /** Whether all parts are there, and none but the last can have bytes too many or too few. */
  readonly isComplete: boolean;

  /**
   * The error that says why the list is not that of the bundle with this index
   * and of `size` bytes, or not of these parts; undefined if it is, or there is none.
   */
  listError(index: Digest, size: number): Error | undefined;
}

/** Whether a source is a {@link ListedSource}, too. */
export function isListedSource<T extends object>(source: T): source is T & ListedSource {
  return "listError" in source;
}

/** Where a byte of a bundle lies on a medium. */
export interface FilePlace {
  readonly path: string;
  /** Its position in that file, in bytes. */
  readonly offset: number;
  /** How many bytes of the bundle follow each other from there, itself included. */
  readonly length: number;
}

/** A source whose bytes can be overwritten where they lie. */
export interface PlacedSource {
  /**
   * Where the byte at `position` lies, or would lie if its file were whole;
   * undefined if it lies inside something else, such as a ZIP.
   */
  placeOf(position: number): FilePlace | undefined;
}

/** Whether a source is a {@link PlacedSource}, too. */
export function isPlacedSource<T extends object>(source: T): source is T & PlacedSource {
  return "placeOf" in source;
}
