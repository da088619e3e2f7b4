import { availableParallelism } from "node:os";
import {
  type ChunkPiece,
  type FramePiece,
  framesOf,
  lengthOf,
  loadXxh64,
  type PlacedEntry,
  piecesOf,
  type Xxh64,
} from "../../bundle/format/index.js";
import type { EventListener, Op } from "../../ports/index.js";
import { sigstoreBundle } from "../../signing/index.js";
import { runAll } from "../concurrency/run-all.js";
import type { OpenBundle } from "../read/open-bundle.js";
import type { ChunkTable } from "./chunk-table.js";
import type { Findings } from "./damage.js";
import type { TolerantReads } from "./tolerant-reads.js";

// Smaller chunks are read together with what is around them: a bundle may have
// a hundred thousand.
const SMALL_CHUNK = 256 * 1024;
const BATCH_SIZE = 1024 * 1024;

/** What checking the pieces of a bundle needs. */
export interface CheckPiecesOptions extends Op {
  readonly bundle: OpenBundle;
  readonly reads: TolerantReads;
  /** `frames`: what is between the files. */
  readonly which: "frames" | "all";
  /** Without it, of the chunks only those that are missing can be told. */
  readonly table: ChunkTable | undefined;
  readonly findings: Findings;
  readonly onEvent: EventListener;
}

/** Pieces that follow each other and are read at once. */
type Batch = readonly [CheckedPiece, ...CheckedPiece[]];

/** A piece that is there. */
type CheckedPiece = FramePiece | ChunkPiece;

/**
 * Compares every byte after the signature with what follows from the index and
 * from the sums of the chunks, in the order of the medium. It goes on after what
 * is wrong.
 *
 * @throws SealiftError `MEDIUM_FAILED` if nothing can be read any more; or the signal's reason.
 */
export async function checkPieces(options: CheckPiecesOptions): Promise<void> {
  const checker = new PieceChecker(options, await loadXxh64());
  // All take from one list, which is made as they go: that of a terabyte is long.
  const batches = batchesOf(wantedPieces(options));
  const lanes = Array.from({ length: availableParallelism() }, () => batches);
  await runAll(lanes, lanes.length, options.signal, async (lane, signal) => {
    for (const batch of lane) {
      signal.throwIfAborted();
      await checker.check(batch, signal);
    }
  });
}

class PieceChecker {
  readonly #options: CheckPiecesOptions;
  readonly #newHash: () => Xxh64;
  /** How many bytes are left of the entries that were begun. */
  readonly #left = new Map<PlacedEntry, number>();

  constructor(options: CheckPiecesOptions, newHash: () => Xxh64) {
    this.#options = options;
    this.#newHash = newHash;
  }

  async check(batch: Batch, signal: AbortSignal): Promise<void> {
    const [first] = batch;
    if (first.kind === "chunk" && first.length > SMALL_CHUNK) await this.#checkLarge(first, signal);
    else await this.#checkSmall(batch);
  }

  async #checkLarge(piece: ChunkPiece, signal: AbortSignal): Promise<void> {
    const { position, length, placed, chunk } = piece;
    this.#begin(placed);
    const sum = await this.#options.reads.checksum(position, length, { signal });
    if (sum === undefined) this.#options.findings.add("missing", piece, placed);
    else if (sum !== this.#options.table?.sum(chunk)) this.#options.findings.add("content", piece, placed);
    this.#end(placed, length);
  }

  async #checkSmall(batch: Batch): Promise<void> {
    const { reads } = this.#options;
    const [{ position }] = batch;
    const length = batch.reduce((sum, piece) => sum + lengthOf(piece), 0);
    const all = await reads.read(position, length);
    for (const piece of batch) {
      const start = piece.position - position;
      // Where they cannot all be read, some of them may be.
      const bytes =
        all?.subarray(start, start + lengthOf(piece)) ?? (await reads.read(piece.position, lengthOf(piece)));
      if (piece.kind === "frame") this.#checkFrame(piece, bytes);
      else this.#checkChunk(piece, bytes);
    }
  }

  #checkFrame(piece: FramePiece, bytes: Uint8Array | undefined): void {
    if (bytes !== undefined && Buffer.compare(bytes, piece.bytes) === 0) return;
    this.#options.findings.addFrame(piece, bytes !== undefined);
  }

  #checkChunk(piece: ChunkPiece, bytes: Uint8Array | undefined): void {
    const { placed, chunk, length } = piece;
    const { findings, table } = this.#options;
    this.#begin(placed);
    if (bytes === undefined) findings.add("missing", piece, placed);
    else if (this.#newHash().update(bytes).digest() !== table?.sum(chunk)) findings.add("content", piece, placed);
    this.#end(placed, length);
  }

  #begin(placed: PlacedEntry): void {
    if (this.#left.has(placed)) return;
    this.#left.set(placed, placed.size);
    this.#options.onEvent({ type: "blob-started", digest: placed.entry.digest, bytes: placed.size });
  }

  #end(placed: PlacedEntry, bytes: number): void {
    const { digest } = placed.entry;
    const left = (this.#left.get(placed) ?? 0) - bytes;
    this.#left.set(placed, left);
    this.#options.onEvent({ type: "blob-progress", digest, bytes });
    if (left === 0) this.#options.onEvent({ type: "blob-finished", digest });
  }
}

/** All pieces that can be checked; of those that end after the source does, it is known that they are wrong. */
function* wantedPieces({ bundle, which, table, findings }: CheckPiecesOptions): Generator<CheckedPiece> {
  const { layout, signature, indexDigest, index, source } = bundle;
  const sigstore = sigstoreBundle(signature, indexDigest, index.keyId);
  const pieces = which === "frames" ? framesOf(layout, sigstore) : piecesOf(layout, sigstore, source.size);
  for (const piece of pieces) {
    const length = lengthOf(piece);
    if (piece.kind === "absent") findings.add("missing", piece, piece.placed);
    else if (piece.position + length > source.size) {
      findings.add("missing", { position: piece.position, length }, piece.kind === "chunk" ? piece.placed : piece.file);
    } else if (piece.kind === "frame" || table !== undefined) yield piece;
  }
}

function* batchesOf(pieces: Iterable<CheckedPiece>): Generator<Batch> {
  let batch: [CheckedPiece, ...CheckedPiece[]] | undefined;
  let end = 0;
  let size = 0;
  for (const piece of pieces) {
    const length = lengthOf(piece);
    const isLarge = piece.kind === "chunk" && length > SMALL_CHUNK;
    if (batch !== undefined && (isLarge || piece.position !== end || size + length > BATCH_SIZE)) {
      yield batch;
      batch = undefined;
    }
    if (isLarge) yield [piece];
    else if (batch === undefined) [batch, size] = [[piece], length];
    else {
      batch.push(piece);
      size += length;
    }
    end = piece.position + length;
  }
  if (batch !== undefined) yield batch;
}
