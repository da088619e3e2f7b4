import type { BundleImage } from "../bundle/format/index.js";
import type { EventListener, Op, RandomAccessSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { checkPieces } from "./damage/check-pieces.js";
import { ChunkTable } from "./damage/chunk-table.js";
import { type DamagedBytes, describeDamage, Findings } from "./damage/damage.js";
import { TolerantReads } from "./damage/tolerant-reads.js";
import { BundleContent } from "./read/bundle-content.js";
import { type CheckedBundle, checkedBundle } from "./read/checked-bundle.js";
import { describeSignature, openBundle } from "./read/open-bundle.js";
import { announceTotal } from "./read/verify-entries.js";
import { walkImages } from "./read/walk-images.js";

/** What a quick check needs. */
export interface QuickVerifyOptions extends Op {
  readonly source: RandomAccessSource;
  readonly trust: TrustPolicy;
  readonly onEvent: EventListener;
}

/** What a quick check found. */
export interface QuickVerifyResult extends CheckedBundle {
  readonly images: readonly BundleImage[];
  /** How many files the index lists that are in the bundle. */
  readonly entries: number;
  /** All that is wrong, in the order of the bundle; what the sums cannot tell is not in it. */
  readonly damage: readonly DamagedBytes[];
  /** How many bytes there are after the end. */
  readonly surplus: number;
  /** Whether the sums of the chunks were there, and whole; without them, content was not looked at. */
  readonly hasSums: boolean;
}

/**
 * Finds damage at the speed of the medium: the signature, the tar's form, and an
 * XXH64 for each chunk. It goes on after what is wrong. That nothing is wrong
 * proves nothing of the digests: a chunk can be changed on purpose so that its
 * sum stays the same, or be changed together with its sum.
 *
 * @throws SealiftError as `openBundle`, as `walkImages` if nothing is damaged; or the signal's reason.
 */
export async function quickVerifyBundle(options: QuickVerifyOptions): Promise<QuickVerifyResult> {
  const { source, onEvent, signal } = options;
  const bundle = await openBundle(source, options.trust);
  onEvent({ type: "step", text: describeSignature(bundle) });
  const { layout, index } = bundle;
  const reads = new TolerantReads(source);
  const findings = new Findings();
  const table = await ChunkTable.read(reads, layout.chunkSums);
  if (table === undefined) findings.addFile(layout.chunkSums, source.size);
  else announceTotal(layout.entries, onEvent);
  await checkPieces({
    bundle,
    reads,
    which: "all",
    table,
    findings,
    onEvent,
    ...(signal === undefined ? {} : { signal }),
  });
  const surplus = Math.max(0, source.size - layout.size);
  if (findings.count === 0 && surplus === 0) await walkImages(bundle, new BundleContent(bundle), signal);
  return {
    ...checkedBundle(bundle),
    images: index.images,
    entries: layout.entries.length,
    damage: await describeDamage(bundle, findings.sorted, signal),
    surplus,
    hasSums: table !== undefined,
  };
}
