import { createHash, type Hash } from "node:crypto";
import { absentOf, CHUNK_SIZE, chunksOf, loadXxh64, type PlacedEntry } from "../../bundle/format/index.js";
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

/** What became of an entry. */
export interface HealedEntry {
  /** How many bytes were written. */
  readonly written: number;
  /** The sums of its chunks, if it has its digest now; undefined if not. */
  readonly sums: readonly bigint[] | undefined;
}

/**
 * Heals an entry of a bundle with a patch. An entry that is right is left alone.
 * If it has its digest with the bytes of the patch, they are written. If not,
 * chunks are written only where bytes are missing, or where the sum of what is
 * there is wrong, and of what comes is right: nothing that is good can be lost.
 *
 * @param firstChunk - The number of its first chunk among all chunks of the bundle.
 * @throws SealiftError as the target; `MEDIUM_FAILED`; or the signal's reason.
 */
export async function healEntry(placed: PlacedEntry, firstChunk: number, options: HealOptions): Promise<HealedEntry> {
  const { patch, reads, target, signal } = options;
  const { state, sums } = await judge(placed, options);
  if (state === "right") return { written: 0, sums };
  let written = 0;
  for (const at of patch.chunksIn(placed.position, placed.size)) {
    signal?.throwIfAborted();
    const position = placed.position + at * CHUNK_SIZE;
    const length = Math.min(CHUNK_SIZE, placed.size - at * CHUNK_SIZE);
    const came = await reads.read(position, length);
    const better = await patch.over(position, came ?? new Uint8Array(length));
    const chunk = firstChunk + at;
    const isGood =
      state === "right with the patch" || (await isBetter(came, better, { position, length, chunk }, options));
    if (isGood && better !== came) written += await writeDifference(position, came, better, target);
  }
  return { written, sums };
}

/** What an entry is, and what it would be. */
interface Judgement {
  readonly state: "right" | "right with the patch" | "wrong";
  /** As {@link HealedEntry.sums}. */
  readonly sums: readonly bigint[] | undefined;
}

/** An index may claim any size: what is neither there nor in the patch is not walked through. */
const WRONG: Judgement = { state: "wrong", sums: undefined };

async function judge(placed: PlacedEntry, { reads, patch, onBytes, signal }: HealOptions): Promise<Judgement> {
  const { digest } = placed.entry;
  const absent = absentOf(placed, reads.source.size);
  if (absent !== undefined && !patch.covers(absent.position, absent.length)) return WRONG;
  const algorithm = digestAlgorithm(digest);
  const newHash = await loadXxh64();
  const sumOf = (bytes: Uint8Array) => newHash().update(bytes).digest();
  const sums: { readonly plain: bigint; readonly patched: bigint }[] = [];
  const plain = createHash(algorithm);
  // Up to the first byte that the patch changes, both are the same.
  let patched: Hash | undefined;
  let isWhole = true;
  for (const { position, length } of chunksOf(placed)) {
    signal?.throwIfAborted();
    const came = await reads.read(position, length);
    // What nobody has cannot become right; and only what the patch touches is written.
    if (came === undefined && !patch.covers(position, length)) return WRONG;
    const bytes = came ?? new Uint8Array(length);
    const better = await patch.over(position, bytes);
    if (came === undefined || better !== bytes) patched ??= plain.copy();
    isWhole &&= came !== undefined;
    if (isWhole) plain.update(bytes);
    patched?.update(better);
    const sum = sumOf(bytes);
    sums.push({ plain: sum, patched: better === bytes ? sum : sumOf(better) });
    onBytes(length);
  }
  if (isWhole && finishDigest(plain, algorithm) === digest) {
    return { state: "right", sums: sums.map((sum) => sum.plain) };
  }
  if (patched === undefined || finishDigest(patched, algorithm) !== digest) return WRONG;
  return { state: "right with the patch", sums: sums.map((sum) => sum.patched) };
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
