import type { ByteRange } from "./byte-ranges.js";
import { CHUNK_SIZE, chunkCount } from "./chunk-sums.js";
import { type BundleLayout, filesOf, headerOf, type PlacedEntry, type PlacedFile } from "./layout.js";

/** Bytes of a bundle that follow from its index and signature: what is between the files, and the Sigstore bundle. */
export interface FramePiece {
  readonly kind: "frame";
  readonly position: number;
  readonly bytes: Uint8Array;
  /** The file that it comes before, or is; undefined for the end of the tar. */
  readonly file: PlacedFile | undefined;
}

/** One chunk of an entry. */
export interface ChunkPiece {
  readonly kind: "chunk";
  readonly position: number;
  readonly length: number;
  readonly placed: PlacedEntry;
  /** Its number among all chunks of the bundle. */
  readonly chunk: number;
}

/** The chunks of an entry that lie behind the end of what is there, as one. */
interface AbsentPiece {
  readonly kind: "absent";
  readonly position: number;
  readonly length: number;
  readonly placed: PlacedEntry;
}

/** A piece of a bundle after its signature. */
export type Piece = FramePiece | ChunkPiece | AbsentPiece;

/** How many bytes a piece has. */
export function lengthOf(piece: Piece): number {
  return piece.kind === "frame" ? piece.bytes.length : piece.length;
}

/**
 * All that comes after the signature, in the order of the bundle, but for the
 * sums of the chunks. Together with these, the index and the signature, every
 * byte is in one piece.
 *
 * @param sigstoreBundle - The bytes that the file of this name should have.
 * @param sourceSize - How many bytes are there: an index may claim any number of chunks behind them.
 */
export function* piecesOf(
  layout: BundleLayout,
  sigstoreBundle: Uint8Array,
  sourceSize = Number.POSITIVE_INFINITY,
): Generator<Piece> {
  let firstChunk = 0;
  for (const frame of framesOf(layout, sigstoreBundle)) {
    yield frame;
    const { file } = frame;
    if (file === undefined || !isPlacedEntry(file)) continue;
    let chunk = firstChunk;
    for (const range of chunksOf(file, sourceSize)) yield { kind: "chunk", ...range, placed: file, chunk: chunk++ };
    const absent = absentOf(file, sourceSize);
    if (absent !== undefined) yield { kind: "absent", ...absent, placed: file };
    firstChunk += chunkCount(file.size);
  }
}

/** The frames among {@link piecesOf}. */
export function* framesOf(layout: BundleLayout, sigstoreBundle: Uint8Array): Generator<FramePiece> {
  for (const { file, start } of framedFiles(layout)) {
    yield { kind: "frame", position: start, bytes: frameOf(start, file), file };
    if (file === layout.sigstoreBundle) yield { kind: "frame", position: file.position, bytes: sigstoreBundle, file };
  }
  const end = endOf(layout.chunkSums);
  yield { kind: "frame", position: end, bytes: new Uint8Array(layout.size - end), file: undefined };
}

/**
 * The chunks of an entry that lie, as a whole, before the end of what is there;
 * one of no bytes if it is empty.
 */
export function* chunksOf(
  { position, size }: PlacedFile,
  sourceSize = Number.POSITIVE_INFINITY,
): Generator<{ readonly position: number; readonly length: number }> {
  let done = 0;
  do {
    const length = Math.min(CHUNK_SIZE, size - done);
    if (position + done + length > sourceSize) return;
    yield { position: position + done, length };
    done += length;
  } while (done < size);
}

/** All chunks of an entry that {@link chunksOf} leaves out; undefined if there are none. */
export function absentOf({ position, size }: PlacedFile, sourceSize: number): ByteRange | undefined {
  if (position + size <= sourceSize) return undefined;
  const start = Math.max(0, Math.floor((sourceSize - position) / CHUNK_SIZE)) * CHUNK_SIZE;
  return { position: position + start, length: size - start };
}

/** The files after the signature, and where the bytes of the one before each end. */
function* framedFiles(layout: BundleLayout): Generator<{ readonly file: PlacedFile; readonly start: number }> {
  let start = endOf(layout.signature);
  for (const file of filesOf(layout).slice(2)) {
    yield { file, start };
    start = endOf(file);
  }
}

function frameOf(start: number, file: PlacedFile): Uint8Array {
  return Buffer.concat([new Uint8Array(file.headerPosition - start), headerOf(file)]);
}

function endOf({ position, size }: PlacedFile): number {
  return position + size;
}

function isPlacedEntry(file: PlacedFile): file is PlacedEntry {
  return "entry" in file;
}
