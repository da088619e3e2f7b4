import { quote } from "../../errors/index.js";
import {
  BLOCK_SIZE,
  decodeHeader,
  END_OF_ARCHIVE_SIZE,
  encodeHeader,
  headerSize,
  paddingSize,
} from "../../tar/index.js";
import type { BundleEntry } from "./bundle-index.js";
import { chunkSumsSize } from "./chunk-sums.js";
import { BUNDLE_INDEX_PATH, CHUNK_SUMS_PATH, SIGNATURE_PATH, SIGSTORE_BUNDLE_PATH } from "./paths.js";

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
  /** Sums of the entries' chunks: see {@link ChunkSummer}. */
  readonly chunkSums: PlacedFile;
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

/** Places one file, whose header begins at `headerPosition`. */
export function placeFile(path: string, size: number, headerPosition: number): PlacedFile {
  return { path, size, headerPosition, position: headerPosition + headerSize(path) };
}

/** Where the file after this one has its header. */
export function positionAfter({ position, size }: PlacedFile): number {
  return position + size + paddingSize(size);
}

/**
 * Places every file of a bundle. This is the whole rule of the layout: files in
 * order, each a tar header, its bytes, and zeros up to the next block.
 */
export function planLayout(sizes: PreambleSizes, entries: readonly BundleEntry[]): BundleLayout {
  const index = placeFile(BUNDLE_INDEX_PATH, sizes.index, 0);
  const signature = placeFile(SIGNATURE_PATH, sizes.signature, positionAfter(index));
  const sigstoreBundle = placeFile(SIGSTORE_BUNDLE_PATH, sizes.sigstoreBundle, positionAfter(signature));
  let endPosition = positionAfter(sigstoreBundle);
  const placed = entries.map((entry) => {
    const file = { ...placeFile(entry.path, entry.size, endPosition), entry };
    endPosition = positionAfter(file);
    return file;
  });
  const chunkSums = placeFile(CHUNK_SUMS_PATH, chunkSumsSize(entries), endPosition);
  endPosition = positionAfter(chunkSums);
  const size = endPosition + END_OF_ARCHIVE_SIZE;
  return { index, signature, sigstoreBundle, entries: placed, chunkSums, endPosition, size };
}

/** All files of a bundle, in the order of the tar. */
export function filesOf(layout: BundleLayout): readonly PlacedFile[] {
  return [layout.index, layout.signature, layout.sigstoreBundle, ...layout.entries, layout.chunkSums];
}

/** The tar header that belongs at a file's `headerPosition`. */
export function headerOf(file: PlacedFile): Uint8Array {
  return encodeHeader(file.path, file.size);
}

/** How many bytes {@link statedSize} and {@link describeHeader} look at. */
export const HEADER_BLOCK_SIZE = BLOCK_SIZE;

/**
 * The size in bytes that a header block states for the file `path`; undefined if
 * the block is anything but the header that a bundle has for a file of that
 * path and size.
 */
export function statedSize(block: Uint8Array, path: string): number | undefined {
  const header = decodeHeader(block);
  const isExpected = header !== undefined && Buffer.compare(block, encodeHeader(path, header.size)) === 0;
  return isExpected ? header.size : undefined;
}

/** Whether a block is a tar header, of whatever file: its checksum is right. */
export function isTarHeader(block: Uint8Array): boolean {
  return decodeHeader(block) !== undefined;
}

/** What stands where a header should, for messages. */
export function describeHeader(block: Uint8Array): string {
  const header = decodeHeader(block);
  if (header !== undefined) return `the header of ${quote(header.name)} (${header.size} bytes)`;
  if (block.length === 0) return "nothing";
  return block.every((byte) => byte === 0) ? "zeros" : "bytes that are no tar header";
}
