import { END_OF_ARCHIVE_SIZE, encodeHeader, headerSize, paddingSize } from "../../tar/index.js";
import type { BundleEntry } from "./bundle-index.js";
import { BUNDLE_INDEX_PATH, SIGNATURE_PATH, SIGSTORE_BUNDLE_PATH } from "./paths.js";

/** Where one file lies in the bundle. All positions and sizes are in bytes. */
export interface PlacedFile {
  readonly path: string;
  readonly size: number;
  /** Where its tar header begins: right after the padding of the file before. */
  readonly headerPosition: number;
  /** Where its bytes begin: right after the header. */
  readonly position: number;
}

/** A {@link PlacedFile} that the signed index lists. */
export interface PlacedEntry extends PlacedFile {
  readonly entry: BundleEntry;
}

/** Where everything lies in a bundle. */
export interface BundleLayout {
  readonly index: PlacedFile;
  readonly signature: PlacedFile;
  readonly sigstoreBundle: PlacedFile;
  readonly entries: readonly PlacedEntry[];
  /** Where the two blocks of zeros that end a tar begin, after the last file's padding. */
  readonly endPosition: number;
  /** The size of the whole bundle. */
  readonly size: number;
}

/** The sizes in bytes of the three files that come before the entries. */
export interface PreambleSizes {
  readonly index: number;
  readonly signature: number;
  readonly sigstoreBundle: number;
}

/**
 * Places every file of a bundle. This is the whole rule of the layout: files in
 * order, each a tar header, its bytes, and zeros up to the next block.
 */
export function planLayout(sizes: PreambleSizes, entries: readonly BundleEntry[]): BundleLayout {
  let next = 0;
  const place = (path: string, size: number): PlacedFile => {
    const headerPosition = next;
    const position = headerPosition + headerSize(path);
    next = position + size + paddingSize(size);
    return { path, size, headerPosition, position };
  };
  const index = place(BUNDLE_INDEX_PATH, sizes.index);
  const signature = place(SIGNATURE_PATH, sizes.signature);
  const sigstoreBundle = place(SIGSTORE_BUNDLE_PATH, sizes.sigstoreBundle);
  const placed = entries.map((entry) => ({ ...place(entry.path, entry.size), entry }));
  return { index, signature, sigstoreBundle, entries: placed, endPosition: next, size: next + END_OF_ARCHIVE_SIZE };
}

/** The tar header that belongs at a file's `headerPosition`. */
export function headerOf(file: PlacedFile): Uint8Array {
  return encodeHeader(file.path, file.size);
}
