import { chunkCount, framesOf, type PlacedEntry } from "../bundle/format/index.js";
import { quote, SealiftError } from "../errors/index.js";
import {
  type EventListener,
  isListedSource,
  isPlacedSource,
  type Op,
  type RandomAccessSource,
  type RepairTarget,
} from "../ports/index.js";
import { sigstoreBundle, type TrustPolicy } from "../signing/index.js";
import { ChunkTable } from "./damage/chunk-table.js";
import { healEntry, writeDifference } from "./damage/heal-entry.js";
import { healHead } from "./damage/heal-head.js";
import { healTable } from "./damage/heal-table.js";
import { assertPartsOf } from "./damage/listed-parts.js";
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
 * patch is for another bundle, or the head must come first; as `assertPartsOf`;
 * as the target.
 */
export async function repairBundle(options: RepairOptions): Promise<number> {
  const { source, trust, onEvent, signal } = options;
  const patch = await Patch.open(options.patch, signal);
  const opened = await openDamaged(source, trust);
  if (opened.kind === "headless") {
    onEvent({ type: "step", text: "The index or its signature is damaged: this heals them first" });
    const head = await healHead(source, trust, patch, opened.reason);
    await using target = await options.openTarget();
    let written = await writeDifference(0, head.came, head.bytes, target);
    written += await heal(head.bundle, patch, target, options);
    // Nothing is cut off on a patch's word for which bundle this is: the next run does it on the copy's own.
    await finish(target, options);
    return written;
  }
  const { bundle } = opened;
  onEvent({ type: "step", text: describeSignature(bundle) });
  assertPatchFor(bundle, patch);
  assertPartsOf(source, bundle);
  await using target = await options.openTarget();
  const written = await heal(bundle, patch, target, options);
  if (endsTooLate(bundle)) await target.trim(bundle.layout.size);
  await finish(target, options);
  return written;
}

async function finish(target: RepairTarget, { onEvent }: RepairOptions): Promise<void> {
  onEvent({ type: "step", text: "Making the repaired bundle safe on its medium" });
  await target.sync();
}

/** Whether the one file that the bundle ends in is too long, and nothing is missing before. */
function endsTooLate({ source, layout }: OpenBundle): boolean {
  if (source.size <= layout.size || (isListedSource(source) && !source.isComplete)) return false;
  if (!isPlacedSource(source)) return true;
  return source.placeOf(layout.size - 1)?.path === source.placeOf(source.size - 1)?.path;
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
  const op = signal === undefined ? {} : { signal };
  const table = await ChunkTable.read(reads, layout.chunkSums);
  const sums = new Map<PlacedEntry, readonly bigint[] | undefined>();
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
      const healed = await healEntry(placed, firstChunk, { reads, patch, target, table, onBytes, ...op });
      written += healed.written;
      sums.set(placed, healed.sums);
      onEvent({ type: "blob-finished", digest });
    }
    firstChunk += chunkCount(placed.size);
  }
  const { position, size } = layout.chunkSums;
  if (patch.touches(position, size)) written += await healTable(layout, sums, { reads, target, ...op });
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
  for (const { position, bytes } of framesOf(layout, sigstoreBundle(signature, indexDigest, index.keyId))) {
    if (!patch.touches(position, bytes.length)) continue;
    written += await writeDifference(position, await reads.read(position, bytes.length), bytes, target);
  }
  return written;
}
