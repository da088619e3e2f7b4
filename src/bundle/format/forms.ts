import { type BundleEntry, type BundleIndex, blobPath } from "./bundle-index.js";
import { type BundleLayout, headerOf, type PreambleSizes, planLayout } from "./layout.js";

/**
 * The two forms that the signed index of a delta has on a medium: `delta` is
 * without the blobs that it leaves out, `full` has them all. A bundle that is no
 * delta has one form only, which is full.
 */
export type BundleForm = "full" | "delta";

/** How a reader tells the forms of a delta apart: by the header of the first blob that is left out. */
export interface FormMark {
  /** Where that header begins in the full form, in bytes. Up to here both forms are the same. */
  readonly position: number;
  /** The header's bytes: several blocks, if the blob's path is long. */
  readonly header: Uint8Array;
}

/** The entries that are there in a form, in the order of the tar. */
export function entriesOf({ entries, delta }: BundleIndex, form: BundleForm): readonly BundleEntry[] {
  if (form === "full" || delta === undefined) return entries;
  const leftOut = new Set(delta.leftOut.map(({ digest }) => digest));
  // A document may have the very same bytes as a blob.
  return entries.filter(({ path, digest }) => path !== blobPath(digest) || !leftOut.has(digest));
}

/** Places every file of a form. */
export function planForm(sizes: PreambleSizes, index: BundleIndex, form: BundleForm): BundleLayout {
  return planLayout(sizes, entriesOf(index, form));
}

/** What to look at to know the form of a bundle; undefined if it is no delta. */
export function formMark(sizes: PreambleSizes, index: BundleIndex): FormMark | undefined {
  const first = index.delta?.leftOut[0];
  if (first === undefined) return undefined;
  const path = blobPath(first.digest);
  const placed = planLayout(sizes, index.entries).entries.find((file) => file.path === path);
  return placed && { position: placed.headerPosition, header: headerOf(placed) };
}

/**
 * The form of a bundle that has these bytes at its mark: as many as the mark's
 * header has, or fewer if the bundle ends before. Damaged bytes are taken for
 * the delta form; its other headers will not fit then.
 */
export function formAt(mark: FormMark, came: Uint8Array): BundleForm {
  return Buffer.compare(came, mark.header) === 0 ? "full" : "delta";
}
