import {
  type BundleLayout,
  ChunkSummer,
  headerOf,
  type PlacedEntry,
  type PlacedFile,
} from "../../bundle/format/index.js";
import { digestOf } from "../../oci/index.js";
import {
  type EventListener,
  isResumableSink,
  type Leftover,
  type Op,
  type RandomAccessSink,
  type ResumableSink,
} from "../../ports/index.js";
import { runAll } from "../concurrency/run-all.js";
import type { Preamble } from "../read/preamble.js";
import { BlobSlot, type PendingBlob, type SlotContext } from "./blob-slot.js";
import type { LeftBundle } from "./leftovers.js";
import { blobInPlace, blobsOfLeftover, type FindLocalBlob, type LocalBlob, longest } from "./local-blobs.js";
import { RunWriter } from "./run-writer.js";

/** All that is to be written into a bundle. */
export interface BundlePlan {
  readonly layout: BundleLayout;
  readonly preamble: Preamble;
  /** The entries whose bytes are at hand, by path. */
  readonly known: ReadonlyMap<string, Uint8Array>;
  /** All other entries of the layout, by path; more do no harm. */
  readonly blobs: ReadonlyMap<string, PendingBlob>;
}

/** How a bundle is written. */
export interface FillOptions extends Op {
  /** What `readLeftovers` gave for the sink. */
  readonly left: readonly LeftBundle[];
  /** Blobs of other files at hand, which need not be fetched. */
  readonly findLocal?: FindLocalBlob | undefined;
  /** How many blobs are fetched at the same time, where the sink takes them in any order. */
  readonly concurrency: number;
  readonly onEvent: EventListener;
}

/** A file of the tar, with all that comes between it and the last byte of the file before. */
interface TarPart {
  readonly file: PlacedFile;
  /** Where the padding of the file before begins. */
  readonly start: number;
  readonly content: Uint8Array | BlobSlot;
}

/**
 * Writes all of a bundle into a sink, up to {@link RandomAccessSink.commit},
 * which is left to the caller. What an interrupted run of the same bundle has
 * written is hashed where it lies; what lies at hand elsewhere is copied, and
 * hashed on the way; the rest is fetched.
 *
 * @returns the bytes of the file of chunk sums.
 * @throws SealiftError whatever the sources and the sink fail with.
 */
export async function fillBundle(plan: BundlePlan, sink: RandomAccessSink, options: FillOptions): Promise<Uint8Array> {
  const { layout, preamble } = plan;
  const indexDigest = digestOf(preamble.index);
  const journal = isResumableSink(sink) ? sink : undefined;
  const resumed = await journal?.begin(indexDigest);
  await sink.allocate(layout.size);
  const sums = await ChunkSummer.create(layout.entries);
  const findLocal = localBlobs(journal, resumed, options);
  const parts = planParts(plan, findLocal, { sink, journal, sums, onEvent: options.onEvent });
  announce(parts, options.onEvent);
  if (sink.order === "any") await fillInParallel(parts, sink, options);
  else await fillInOrder(parts, sink, journal === undefined, options);
  const sumsFile = sums.finish();
  await writeEnd(layout, sumsFile, sink);
  return sumsFile;
}

const LEFTOVER_REMOVED =
  "what an interrupted run left of another bundle was removed: one is kept at most, while there is room; what it alone had is fetched again";

/** Where the bytes of an entry are at hand: in its very place at best. */
function localBlobs(
  sink: ResumableSink | undefined,
  resumed: Leftover | undefined,
  { left, findLocal, onEvent }: FillOptions,
): (placed: PlacedEntry) => LocalBlob | undefined {
  const usable = left.map(({ leftover }) => leftover);
  const own = usable.find((leftover) => leftover === resumed);
  const others = usable.filter((leftover) => sink?.leftovers.includes(leftover));
  if (others.length < usable.length - (own === undefined ? 0 : 1)) onEvent({ type: "warning", text: LEFTOVER_REMOVED });
  const finders = others.map(blobsOfLeftover);
  return (placed) =>
    longest([
      own && sink && blobInPlace(sink, own, placed),
      findLocal?.(placed.entry),
      ...finders.map((find) => find(placed.entry)),
    ]);
}

function planParts(
  { layout, preamble, known, blobs }: BundlePlan,
  findLocal: (placed: PlacedEntry) => LocalBlob | undefined,
  context: SlotContext,
): TarPart[] {
  const firstFiles = [
    { file: layout.index, content: preamble.index },
    { file: layout.signature, content: preamble.signature },
    { file: layout.sigstoreBundle, content: preamble.sigstoreBundle },
  ];
  const entries = layout.entries.map((file, at) => {
    const bytes = known.get(file.path);
    if (bytes !== undefined) {
      context.sums.update(at, 0, bytes);
      return { file, content: bytes };
    }
    const blob = blobs.get(file.path);
    if (blob === undefined) throw new Error(`expected a source of ${file.path}, got none`);
    return { file, content: new BlobSlot({ placed: file, at, blob, local: findLocal(file), context }) };
  });
  let start = 0;
  return [...firstFiles, ...entries].map((part) => {
    const framed = { ...part, start };
    start = endOf(part.file);
    return framed;
  });
}

function announce(parts: readonly TarPart[], onEvent: EventListener): void {
  const slots = slotsOf(parts).map(({ content }) => content);
  const atHand = slots.filter(({ missing, size }) => missing < size).length;
  if (atHand > 0) {
    onEvent({
      type: "step",
      text: `${atHand} of ${slots.length} layers are at hand, whole or in part, and are checked`,
    });
  }
  onEvent({ type: "total", bytes: slots.reduce((sum, { size }) => sum + size, 0), blobs: slots.length });
}

async function fillInParallel(parts: readonly TarPart[], sink: RandomAccessSink, options: FillOptions): Promise<void> {
  const writer = new RunWriter(sink);
  for (const { file, start, content } of parts) {
    options.signal?.throwIfAborted();
    if (!(content instanceof BlobSlot)) await writer.write(start, Buffer.concat([frameOf(file, start), content]));
  }
  await writer.flush();
  // First what is at hand, so that it is safe soon. Then the largest first, so
  // that no long one begins when the others are done.
  const ordered = slotsOf(parts).sort(
    ({ content: a }, { content: b }) => Number(a.missing > 0) - Number(b.missing > 0) || b.size - a.size,
  );
  await runAll(ordered, options.concurrency, options.signal, async ({ file, start, content }, signal) => {
    await sink.write(start, frameOf(file, start));
    await content.fill({ signal });
  });
}

/** @param once - Whether what was written cannot be written again. */
async function fillInOrder(
  parts: readonly TarPart[],
  sink: RandomAccessSink,
  once: boolean,
  { signal = new AbortController().signal }: FillOptions,
): Promise<void> {
  const writer = new RunWriter(sink);
  for (const { file, start, content } of parts) {
    signal.throwIfAborted();
    await writer.write(start, frameOf(file, start));
    if (content instanceof BlobSlot) {
      await writer.flush();
      await content.fill({ signal, ...(once ? { once } : {}) });
    } else await writer.write(file.position, content);
  }
  await writer.flush();
}

async function writeEnd(
  { entries, chunkSums, size }: BundleLayout,
  sums: Uint8Array,
  sink: RandomAccessSink,
): Promise<void> {
  const last = entries.at(-1);
  const start = last === undefined ? chunkSums.headerPosition : endOf(last);
  const zeros = new Uint8Array(size - endOf(chunkSums));
  await sink.write(start, Buffer.concat([frameOf(chunkSums, start), sums, zeros]));
}

// Padding is written, too: where an interrupted run has written, it need not be zeros.
function frameOf(file: PlacedFile, start: number): Uint8Array {
  return Buffer.concat([new Uint8Array(file.headerPosition - start), headerOf(file)]);
}

function endOf({ position, size }: PlacedFile): number {
  return position + size;
}

function slotsOf(parts: readonly TarPart[]): (TarPart & { readonly content: BlobSlot })[] {
  return parts.flatMap((part) => (part.content instanceof BlobSlot ? [{ ...part, content: part.content }] : []));
}
