import { availableParallelism } from "node:os";
import {
  absentOf,
  chunkCount,
  chunksOf,
  type DamageRequest,
  HEAD_REQUEST,
  mergeRanges,
  type PlacedEntry,
  rangesRequest,
} from "../bundle/format/index.js";
import type { SealiftError } from "../errors/index.js";
import { digestAlgorithm, digestOf } from "../oci/index.js";
import type { EventListener, Op, RandomAccessSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { runAll } from "./concurrency/run-all.js";
import { checkPieces } from "./damage/check-pieces.js";
import { ChunkTable } from "./damage/chunk-table.js";
import { type DamagedBytes, describeDamage, Findings } from "./damage/damage.js";
import { openDamaged } from "./damage/open-damaged.js";
import { TolerantReads } from "./damage/tolerant-reads.js";
import { assertDigest, BundleContent } from "./read/bundle-content.js";
import { type CheckedBundle, checkedBundle } from "./read/checked-bundle.js";
import { describeSignature, type OpenBundle } from "./read/open-bundle.js";
import { assertPartsOf } from "./damage/listed-parts.js";
import { announceTotal } from "./read/verify-entries.js";
import { walkImages } from "./read/walk-images.js";
import { type VerifyResult, verifyResult } from "./verify.js";

/** What looking for damage needs. */
export interface FindDamageOptions extends Op {
  /** Of the size that it should have, or less: what is missing fails to be read. */
  readonly source: RandomAccessSource;
  readonly trust: TrustPolicy;
  readonly onEvent: EventListener;
}

/** What was found of a bundle that may be damaged. */
export type DamageReport =
  /** Every byte is right. */
  | { readonly kind: "whole"; readonly result: VerifyResult }
  /** The index or its signature cannot be read: nothing else can be said. */
  | { readonly kind: "headless"; readonly reason: SealiftError; readonly request: DamageRequest }
  | (CheckedBundle & {
      readonly kind: "damaged";
      /** In the order of the bundle. */
      readonly damage: readonly DamagedBytes[];
      /** How many bytes there are after the end. */
      readonly surplus: number;
      /** What makes it whole; undefined if nothing but the surplus is wrong. */
      readonly request: DamageRequest | undefined;
    });

/**
 * Checks a bundle as `verifyBundle` does, but goes on after what is wrong, and
 * says which bytes would make it whole.
 *
 * @throws SealiftError as `openDamaged` and `assertPartsOf`, as `walkImages` if every byte is right;
 * `MEDIUM_FAILED` if nothing can be read any more; or the signal's reason.
 */
export async function findDamage(options: FindDamageOptions): Promise<DamageReport> {
  const { source, onEvent, signal } = options;
  const opened = await openDamaged(source, options.trust);
  if (opened.kind === "headless") return { ...opened, request: HEAD_REQUEST };
  const { bundle } = opened;
  const { layout, indexDigest } = bundle;
  assertPartsOf(source, bundle);
  onEvent({ type: "step", text: describeSignature(bundle) });
  const findings = await searchBundle(bundle, options);
  const surplus = Math.max(0, source.size - layout.size);
  if (findings.count === 0 && surplus === 0) {
    await walkImages(bundle, new BundleContent(bundle), signal);
    return { kind: "whole", result: verifyResult(bundle, undefined) };
  }
  const ranges = mergeRanges(findings.sorted);
  return {
    kind: "damaged",
    ...checkedBundle(bundle),
    damage: await describeDamage(bundle, findings.sorted, signal),
    surplus,
    request: ranges.length === 0 ? undefined : rangesRequest(indexDigest, layout.size, ranges),
  };
}

async function searchBundle(bundle: OpenBundle, options: FindDamageOptions): Promise<Findings> {
  const { source, layout } = bundle;
  const { signal } = options;
  const findings = new Findings();
  const reads = new TolerantReads(source);
  const op = signal === undefined ? {} : { signal };
  await checkPieces({ bundle, reads, which: "frames", table: undefined, findings, onEvent: () => undefined, ...op });
  const stored = await ChunkTable.read(reads, layout.chunkSums);
  const { wrong, isTableRight } = await checkEntries(bundle, reads, stored, options);
  // Sums that are wrong of what is right tell nothing of what is not.
  const table = isTableRight ? stored : undefined;
  if (table === undefined) findings.addFile(layout.chunkSums, source.size);
  let firstChunk = 0;
  for (const placed of layout.entries) {
    if (wrong.has(placed)) await narrow(placed, firstChunk, { reads, table, findings, ...op });
    firstChunk += chunkCount(placed.size);
  }
  return findings;
}

/** What the digests say. */
interface EntryCheck {
  /** The entries that do not have theirs. */
  readonly wrong: ReadonlySet<PlacedEntry>;
  /** Whether the sums are those of the entries that have theirs, as far as these can be read. */
  readonly isTableRight: boolean;
}

async function checkEntries(
  { layout, source }: OpenBundle,
  reads: TolerantReads,
  table: ChunkTable | undefined,
  { onEvent, signal }: FindDamageOptions,
): Promise<EntryCheck> {
  const wrong = new Set<PlacedEntry>();
  let isTableRight = true;
  const firstChunks = firstChunksOf(layout.entries);
  announceTotal(layout.entries, onEvent);
  const ordered = layout.entries.toSorted((a, b) => b.size - a.size);
  await runAll(ordered, availableParallelism(), signal, async (placed, inner) => {
    const { position, size } = placed;
    const { digest } = placed.entry;
    onEvent({ type: "blob-started", digest, bytes: size });
    const onBytes = (bytes: number) => {
      onEvent({ type: "blob-progress", digest, bytes });
    };
    const isThere = position + size <= source.size;
    const came = isThere && (await reads.digest(position, size, digestAlgorithm(digest), { signal: inner, onBytes }));
    // No byte of it can be wrong: the index is.
    if (size === 0) assertDigest(digest, digestOf(new Uint8Array(), digestAlgorithm(digest)), placed.path);
    if (came !== digest) wrong.add(placed);
    // This reads the entry a second time, mostly from the system's memory. It is
    // worth it here: this decides whether a copy is whole, and what heals it.
    else if (table !== undefined && isTableRight) {
      const isRight = await hasSums(placed, firstChunks.get(placed) ?? 0, table, reads, inner);
      isTableRight &&= isRight;
    }
    onEvent({ type: "blob-finished", digest });
  });
  return { wrong, isTableRight };
}

/** The number of each entry's first chunk among all chunks of the bundle. */
function firstChunksOf(entries: readonly PlacedEntry[]): ReadonlyMap<PlacedEntry, number> {
  let chunks = 0;
  return new Map(entries.map((placed) => [placed, (chunks += chunkCount(placed.size)) - chunkCount(placed.size)]));
}

/** Whether the sums of an entry's chunks are those of its bytes, as far as these can be read. */
async function hasSums(
  placed: PlacedEntry,
  firstChunk: number,
  table: ChunkTable,
  reads: TolerantReads,
  signal: AbortSignal,
): Promise<boolean> {
  let chunk = firstChunk;
  for (const { position, length } of chunksOf(placed)) {
    const sum = await reads.checksum(position, length, { signal });
    if (sum !== undefined && sum !== table.sum(chunk)) return false;
    chunk += 1;
  }
  return true;
}

interface NarrowOptions extends Op {
  readonly reads: TolerantReads;
  readonly table: ChunkTable | undefined;
  readonly findings: Findings;
}

/**
 * Finds the chunks that are wrong in an entry that is. Where no sum tells them,
 * what is missing is taken for all that is wrong: if it is not, the sums, which
 * are missing then, too, tell the rest the next time. Else it is the whole entry.
 */
async function narrow(placed: PlacedEntry, firstChunk: number, options: NarrowOptions): Promise<void> {
  const { reads, table, findings, signal } = options;
  const before = findings.count;
  let chunk = firstChunk;
  for (const piece of chunksOf(placed, reads.source.size)) {
    signal?.throwIfAborted();
    const op = signal === undefined ? {} : { signal };
    const sum = await reads.checksum(piece.position, piece.length, op);
    if (sum === undefined) findings.add("missing", piece, placed);
    else if (table !== undefined && sum !== table.sum(chunk)) findings.add("content", piece, placed);
    chunk += 1;
  }
  const absent = absentOf(placed, reads.source.size);
  if (absent !== undefined) findings.add("missing", absent, placed);
  if (findings.count === before) findings.addFile(placed, reads.source.size);
}
