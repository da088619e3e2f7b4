import { createHash } from "node:crypto";
import { type BundleLayout, CHUNK_SUM_SIZE, chunksOf, loadXxh64, type PlacedEntry } from "../../bundle/format/index.js";
import { digestAlgorithm, finishDigest } from "../../oci/index.js";
import type { Op, RepairTarget } from "../../ports/index.js";
import { writeDifference } from "./heal-entry.js";
import type { TolerantReads } from "./tolerant-reads.js";

/** What healing the sums works with. */
interface HealTableOptions extends Op {
  readonly reads: TolerantReads;
  readonly target: RepairTarget;
}

/**
 * Makes the sums anew once all entries have their digests. They are never taken
 * from a patch: sums that somebody chose could have the next patch overwrite
 * what is good.
 *
 * @param known - The sums of the entries that were looked at; undefined for one that is still wrong.
 * @returns how many bytes were written.
 * @throws SealiftError as the target; `MEDIUM_FAILED`; or the signal's reason.
 */
export async function healTable(
  { entries, chunkSums }: BundleLayout,
  known: ReadonlyMap<PlacedEntry, readonly bigint[] | undefined>,
  { reads, target, signal }: HealTableOptions,
): Promise<number> {
  const isOneAbsent = (placed: PlacedEntry) => placed.position + placed.size > reads.source.size;
  const isHopeless = entries.some((placed) =>
    known.has(placed) ? known.get(placed) === undefined : isOneAbsent(placed),
  );
  if (isHopeless) return 0;
  const all = new Map(known);
  for (const placed of entries) {
    if (all.has(placed)) continue;
    const sums = await sumsOf(placed, reads, signal);
    if (sums === undefined) return 0;
    all.set(placed, sums);
  }
  // Every chunk was there, so this is no larger than what was read.
  const file = Buffer.alloc(chunkSums.size);
  let end = 0;
  for (const placed of entries) {
    for (const sum of all.get(placed) ?? []) end = file.writeBigUInt64BE(sum, end);
  }
  const newHash = await loadXxh64();
  file.writeBigUInt64BE(newHash().update(file.subarray(0, end)).digest(), chunkSums.size - CHUNK_SUM_SIZE);
  return await writeDifference(chunkSums.position, await reads.read(chunkSums.position, file.length), file, target);
}

/** The sums of an entry's chunks; undefined if it does not have its digest. */
async function sumsOf(
  placed: PlacedEntry,
  reads: TolerantReads,
  signal: AbortSignal | undefined,
): Promise<readonly bigint[] | undefined> {
  const { digest } = placed.entry;
  const algorithm = digestAlgorithm(digest);
  const newHash = await loadXxh64();
  const hash = createHash(algorithm);
  const sums: bigint[] = [];
  for (const { position, length } of chunksOf(placed)) {
    signal?.throwIfAborted();
    const bytes = await reads.read(position, length);
    if (bytes === undefined) return undefined;
    hash.update(bytes);
    sums.push(newHash().update(bytes).digest());
  }
  return finishDigest(hash, algorithm) === digest ? sums : undefined;
}
