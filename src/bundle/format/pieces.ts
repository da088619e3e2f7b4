import { CHUNK_SIZE } from "./chunk-sums.js";
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

/** A piece of a bundle after its signature. */
export type Piece = FramePiece | ChunkPiece;

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
 */
export function* piecesOf(layout: BundleLayout, sigstoreBundle: Uint8Array): Generator<Piece> {
  let chunk = 0;
  for (const { file, start } of framedFiles(layout)) {
    yield { kind: "frame", position: start, bytes: frameOf(start, file), file };
    if (file === layout.sigstoreBundle) yield { kind: "frame", position: file.position, bytes: sigstoreBundle, file };
    if (!isPlacedEntry(file)) continue;
    for (const { position, length } of chunksOf(file))
      yield { kind: "chunk", position, length, placed: file, chunk: chunk++ };
  }
  const end = endOf(layout.chunkSums);
  yield { kind: "frame", position: end, bytes: new Uint8Array(layout.size - end), file: undefined };
}

/** The chunks of an entry; one of no bytes if it is empty. */
export function* chunksOf({
  position,
  size,
}: PlacedFile): Generator<{ readonly position: number; readonly length: number }> {
  let done = 0;
  do {
    const length = Math.min(CHUNK_SIZE, size - done);
    yield { position: position + done, length };
    done += length;
  } while (done < size);
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
