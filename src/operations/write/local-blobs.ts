import type { PlacedEntry } from "../../bundle/format/index.js";
import type { Descriptor } from "../../oci/index.js";
import type { HeldBytes, Leftover, RandomAccessSource } from "../../ports/index.js";

/** The first bytes of a blob, or all of them, in a file that is at hand. They may be wrong. */
export interface LocalBlob extends HeldBytes {
  /** Whether they lie where they are to be, so that nothing is left to write. */
  readonly isInPlace: boolean;
}

/** Finds the bytes of blobs at hand; undefined if there are none of this one. */
export type FindLocalBlob = (blob: Pick<Descriptor, "digest" | "size">) => LocalBlob | undefined;

/** A range of a file as a blob. */
export function localBlob(
  source: Pick<RandomAccessSource, "read">,
  start: number,
  length: number,
  isInPlace: boolean,
): LocalBlob {
  return { length, isInPlace, read: (position, count) => source.read(start + position, count) };
}

/** The blobs that an interrupted run left, as far as it came; none of them in its place. */
export function blobsOfLeftover({ source, blobs }: Leftover): FindLocalBlob {
  return ({ digest, size }) => {
    const blob = blobs.get(digest);
    if (blob?.size !== size || blob.position + blob.length > source.size) return undefined;
    return localBlob(source, blob.position, blob.length, false);
  };
}

/**
 * What an interrupted run left of an entry in the very place where it belongs.
 *
 * @param sink - The one that goes on with `leftover`. It is what is read: what is not in it is not in place.
 */
export function blobInPlace(
  sink: Pick<RandomAccessSource, "read">,
  { source, blobs }: Leftover,
  { entry, position, size }: PlacedEntry,
): LocalBlob | undefined {
  const blob = blobs.get(entry.digest);
  if (blob?.position !== position || blob.size !== size || position + blob.length > source.size) return undefined;
  return localBlob(sink, position, blob.length, true);
}

/** The longest of several; of those that are as long, the first. */
export function longest(blobs: readonly (LocalBlob | undefined)[]): LocalBlob | undefined {
  let best: LocalBlob | undefined;
  for (const blob of blobs) if (blob !== undefined && blob.length > (best?.length ?? 0)) best = blob;
  return best;
}
