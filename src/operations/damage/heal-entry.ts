import { createHash, type Hash } from "node:crypto";
import { CHUNK_SIZE, chunksOf, loadXxh64, type PlacedEntry } from "../../bundle/format/index.js";
import { digestAlgorithm, finishDigest } from "../../oci/index.js";
import type { Op, RepairTarget } from "../../ports/index.js";
import type { ChunkTable } from "./chunk-table.js";
import type { Patch } from "./open-patch.js";
import type { TolerantReads } from "./tolerant-reads.js";

/** What healing works with. */
export interface HealOptions extends Op {
  readonly reads: TolerantReads;
  readonly patch: Patch;
  readonly target: RepairTarget;
  /** The sums of the copy as it was found; undefined if they are damaged. */
  readonly table: ChunkTable | undefined;
  /** Called with each further number of bytes of the entry that were looked at. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Heals an entry of a bundle with a patch. An entry that is right is left alone.
 * If it has its digest with the bytes of the patch, they are written. If not,
 * chunks are written only where bytes are missing, or where the sum of what is
 * there is wrong, and of what comes is right: nothing that is good can be lost.
 *
 * @param firstChunk - The number of its first chunk among all chunks of the bundle.
 * @returns how many bytes were written.
 * @throws SealiftError as the target; `MEDIUM_FAILED`; or the signal's reason.
 */
export async function healEntry(placed: PlacedEntry, firstChunk: number, options: HealOptions): Promise<number> {
  const state = await judge(placed, options);
  if (state === "right") return 0;
  let written = 0;
  let chunk = firstChunk;
  for (const { position, length } of chunksOf(placed)) {
    options.signal?.throwIfAborted();
    if (options.patch.touches(position, length)) {
      const came = await options.reads.read(position, length);
      const better = await options.patch.over(position, came ?? new Uint8Array(length));
      const isGood =
        state === "right with the patch" || (await isBetter(came, better, { position, length, chunk }, options));
      if (isGood && better !== came) written += await writeDifference(position, came, better, options.target);
    }
    chunk += 1;
  }
  return written;
}

/** What an entry is, and what it would be. */
type Judgement = "right" | "right with the patch" | "wrong";

async function judge(placed: PlacedEntry, { reads, patch, onBytes, signal }: HealOptions): Promise<Judgement> {
  const { digest } = placed.entry;
  const algorithm = digestAlgorithm(digest);
  const plain = createHash(algorithm);
  // Up to the first byte that the patch changes, both are the same.
  let patched: Hash | undefined;
  let isWhole = true;
  for (const { position, length } of chunksOf(placed)) {
    signal?.throwIfAborted();
    const came = await reads.read(position, length);
    const bytes = came ?? new Uint8Array(length);
    const better = await patch.over(position, bytes);
    if (came === undefined || better !== bytes) patched ??= plain.copy();
    isWhole &&= came !== undefined;
    if (isWhole) plain.update(bytes);
    patched?.update(better);
    onBytes(length);
  }
  if (isWhole && finishDigest(plain, algorithm) === digest) return "right";
  return patched !== undefined && finishDigest(patched, algorithm) === digest ? "right with the patch" : "wrong";
}

async function isBetter(
  came: Uint8Array | undefined,
  better: Uint8Array,
  { position, length, chunk }: { readonly position: number; readonly length: number; readonly chunk: number },
  { patch, table }: HealOptions,
): Promise<boolean> {
  if (came === undefined && !patch.covers(position, length)) return false;
  if (table === undefined) return came === undefined;
  const newHash = await loadXxh64();
  const sum = table.sum(chunk);
  if (came !== undefined && newHash().update(came).digest() === sum) return false;
  return newHash().update(better).digest() === sum;
}

// What is compared, and so written or not, at a time; what a medium writes at once, or less.
const WRITE_STEP = CHUNK_SIZE / 64;

/** Writes what is not there already. */
export async function writeDifference(
  position: number,
  came: Uint8Array | undefined,
  better: Uint8Array,
  target: RepairTarget,
): Promise<number> {
  if (came === undefined) {
    await target.write(position, better);
    return better.length;
  }
  let written = 0;
  for (let at = 0; at < better.length; at += WRITE_STEP) {
    const bytes = better.subarray(at, at + WRITE_STEP);
    if (Buffer.compare(bytes, came.subarray(at, at + WRITE_STEP)) === 0) continue;
    await target.write(position + at, bytes);
    written += bytes.length;
  }
  return written;
}
