import { chunkCount, lengthOf, piecesOf } from "../bundle/format/index.js";
import { quote, SealiftError } from "../errors/index.js";
import type { EventListener, Op, RandomAccessSource, RepairTarget } from "../ports/index.js";
import { sigstoreBundle, type TrustPolicy } from "../signing/index.js";
import { ChunkTable } from "./damage/chunk-table.js";
import { healEntry, writeDifference } from "./damage/heal-entry.js";
import { healHead } from "./damage/heal-head.js";
import { openDamaged } from "./damage/open-damaged.js";
import { Patch } from "./damage/open-patch.js";
import { TolerantReads } from "./damage/tolerant-reads.js";
import { describeSignature, type OpenBundle } from "./read/open-bundle.js";
import { announceTotal } from "./read/verify-entries.js";

/** What repairing needs. */
export interface RepairOptions extends Op {
  /** The damaged copy, of the size that it should have, or less: what is missing fails to be read. */
  readonly source: RandomAccessSource;
  readonly trust: TrustPolicy;
  readonly patch: RandomAccessSource;
  /** Where the copy is written; opened when it is known that the patch is for it. */
  readonly openTarget: () => Promise<RepairTarget>;
  readonly onEvent: EventListener;
}

/**
 * Writes what a patch has into a damaged copy of its bundle, where it lies.
 *
 * The patch is not trusted: it is written only where the copy is damaged, and
 * only what fits the signed index, as far as that can be known before. Whether
 * the copy is whole then is for `findDamage` to say. To stop at any time, and do
 * it again, is no harm.
 *
 * @returns how many bytes were written.
 * @throws SealiftError as `openDamaged` and `Patch.open`; `BUNDLE_INVALID` if the
 * patch is for another bundle, or the head must come first; as the target.
 */
export async function repairBundle(options: RepairOptions): Promise<number> {
  const { source, trust, onEvent, signal } = options;
  const patch = await Patch.open(options.patch, signal);
  const opened = await openDamaged(source, trust);
  if (opened.kind === "headless") {
    onEvent({ type: "step", text: "The index or its signature is damaged: this heals them first" });
    const head = await healHead(source, trust, patch, opened.reason);
    await using target = await options.openTarget();
    const written = await writeDifference(0, head.came, head.bytes, target);
    return written + (await heal(head.bundle, patch, target, options));
  }
  const { bundle } = opened;
  onEvent({ type: "step", text: describeSignature(bundle) });
  assertPatchFor(bundle, patch);
  await using target = await options.openTarget();
  return await heal(bundle, patch, target, options);
}

function assertPatchFor({ indexDigest, layout }: OpenBundle, { index: { index, size } }: Patch): void {
  if (index === indexDigest && size === layout.size) return;
  const what = index === indexDigest ? `this form of it, of ${size} bytes` : `the one with the index ${quote(index)}`;
  throw new SealiftError(
    "BUNDLE_INVALID",
    `expected a patch for the bundle with the index ${indexDigest}, of ${layout.size} bytes, got one for ${what}`,
    { hint: "name the patch that was made for this bundle; nothing was written" },
  );
}

async function heal(
  bundle: OpenBundle,
  patch: Patch,
  target: RepairTarget,
  { onEvent, signal }: RepairOptions,
): Promise<number> {
  const { source, layout } = bundle;
  const reads = new TolerantReads(source);
  const table = await ChunkTable.read(reads, layout.chunkSums);
  let written = await healFrames(bundle, reads, patch, target);
  const touched = layout.entries.filter(({ position, size }) => patch.touches(position, size));
  announceTotal(touched, onEvent);
  let firstChunk = 0;
  for (const placed of layout.entries) {
    if (patch.touches(placed.position, placed.size)) {
      const { digest } = placed.entry;
      onEvent({ type: "blob-started", digest, bytes: placed.size });
      const onBytes = (bytes: number) => {
        onEvent({ type: "blob-progress", digest, bytes });
      };
      const op = signal === undefined ? {} : { signal };
      written += await healEntry(placed, firstChunk, { reads, patch, target, table, onBytes, ...op });
      onEvent({ type: "blob-finished", digest });
    }
    firstChunk += chunkCount(placed.size);
  }
  if (table === undefined) written += await healTable(bundle, reads, patch, target);
  if (source.size > layout.size) await target.trim(layout.size);
  onEvent({ type: "step", text: "Making the repaired bundle safe on its medium" });
  await target.sync();
  return written;
}

/** What is between the files follows from the index: it is not taken from the patch. */
async function healFrames(
  { layout, signature, indexDigest, index }: OpenBundle,
  reads: TolerantReads,
  patch: Patch,
  target: RepairTarget,
): Promise<number> {
  let written = 0;
  for (const piece of piecesOf(layout, sigstoreBundle(signature, indexDigest, index.keyId))) {
    const { position } = piece;
    if (piece.kind === "chunk" || !patch.touches(position, lengthOf(piece))) continue;
    written += await writeDifference(position, await reads.read(position, lengthOf(piece)), piece.bytes, target);
  }
  return written;
}

/** The sums come last: as long as they are damaged, they cannot mislead a run that heals the rest. */
async function healTable(
  {
    layout: {
      chunkSums: { position, size },
    },
  }: OpenBundle,
  reads: TolerantReads,
  patch: Patch,
  target: RepairTarget,
): Promise<number> {
  if (!patch.touches(position, size)) return 0;
  const came = await reads.read(position, size);
  const better = await patch.over(position, came ?? new Uint8Array(size));
  return (await ChunkTable.of(better)) === undefined ? 0 : await writeDifference(position, came, better, target);
}
