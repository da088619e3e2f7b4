import type { PlacedEntry } from "../../bundle/format/index.js";
import { verifiedStream } from "../../io/index.js";
import type { Descriptor, Digest } from "../../oci/index.js";
import { type EventListener, isBlobMounter, type RandomAccessSource } from "../../ports/index.js";
import { runAll } from "../concurrency/run-all.js";
import type { BundleContent } from "../read/bundle-content.js";
import { inParts } from "../read/in-parts.js";
import { type BlobCounts, noBlobs } from "./blob-counts.js";
import { ImportTarget, type TargetRepository } from "./import-target.js";
import { type BlobBytes, storeBlob, type WantedBlob } from "./store-blob.js";

interface BlobTask extends WantedBlob {
  readonly placed: PlacedEntry;
}

/** What storing and surveying need. */
export interface StoreBlobsOptions {
  readonly source: RandomAccessSource;
  readonly concurrency: number;
  readonly onEvent: EventListener;
  readonly signal?: AbortSignal | undefined;
}

/** What became of the blobs. */
export interface StoredBlobs {
  readonly counts: BlobCounts;
  /** Those whose bytes were read, and so verified, on their way. */
  readonly verified: ReadonlySet<Digest>;
}

/**
 * Brings every blob that the bundle holds to every repository that needs it: found there, mounted from
 * another one, or sent. A blob is read from the bundle once, and verified on
 * its way; the last of its bytes leave only if all are right.
 *
 * @throws SealiftError `DIGEST_MISMATCH`, `BUNDLE_INVALID`, `MEDIUM_FAILED`, `UNREACHABLE`.
 */
export async function storeBlobs(
  targets: readonly ImportTarget[],
  content: BundleContent,
  options: StoreBlobsOptions,
): Promise<StoredBlobs> {
  const counts = noBlobs();
  const verified = new Set<Digest>();
  await runAll(planTasks(targets, content), options.concurrency, options.signal, async (task, signal) => {
    const bytes = bytesIn(options.source, task, options.onEvent);
    const op = { onEvent: options.onEvent, signal };
    const isSent = await inParts(options.source, task.placed, () => storeBlob(task, bytes, counts, op), { signal });
    if (isSent) verified.add(task.descriptor.digest);
  });
  return { counts, verified };
}

/**
 * Asks every repository what it has already, and sends nothing.
 *
 * @returns what {@link storeBlobs} would do if the registry mounts all that it can.
 * @throws SealiftError `UNREACHABLE`.
 */
export async function surveyBlobs(
  targets: readonly ImportTarget[],
  content: BundleContent,
  options: Omit<StoreBlobsOptions, "source">,
): Promise<BlobCounts> {
  const counts = noBlobs();
  await runAll(planTasks(targets, content), options.concurrency, options.signal, async (task, signal) => {
    let stored = false;
    for (const [{ destination }, images] of task.targets) {
      if (images.every(({ failure }) => failure !== undefined)) continue;
      const present = await ImportTarget.attempt(images, () => destination.has(task.descriptor, { signal }));
      if (present === undefined) continue;
      if (present) counts.present += 1;
      else if (stored && isBlobMounter(destination)) counts.mounted += 1;
      else {
        counts.transferred += 1;
        counts.transferredBytes += task.descriptor.size;
      }
      stored = true;
    }
  });
  return counts;
}

function bytesIn(source: RandomAccessSource, { descriptor, placed }: BlobTask, onEvent: EventListener): BlobBytes {
  const { digest, size } = descriptor;
  let sent = 0;
  const open = async () => {
    onEvent({ type: "blob-progress", digest, bytes: -sent });
    sent = 0;
    return verifiedStream(source.stream(placed.position, size), descriptor, "the bundle", (bytes) => {
      sent += bytes;
      onEvent({ type: "blob-progress", digest, bytes });
    });
  };
  return {
    isGone: false,
    send: async (put) => {
      onEvent({ type: "blob-started", digest, bytes: size });
      await put(open);
      onEvent({ type: "blob-finished", digest });
    },
  };
}

// The largest first, so that no long one begins when the others are done.
function planTasks(targets: readonly ImportTarget[], content: BundleContent): BlobTask[] {
  return groupBlobs(targets)
    .filter(({ descriptor }) => !content.isAbsent(descriptor))
    .map((wanted) => ({ ...wanted, placed: content.locate(wanted.descriptor) }))
    .sort((a, b) => b.descriptor.size - a.descriptor.size);
}

/** All blobs that images need, each once. */
export function groupBlobs(targets: readonly ImportTarget[]): WantedBlob[] {
  const tasks = new Map<Digest, { descriptor: Descriptor; targets: Map<TargetRepository, ImportTarget[]> }>();
  for (const target of targets) {
    for (const descriptor of target.blobs) {
      const task = tasks.get(descriptor.digest) ?? { descriptor, targets: new Map<TargetRepository, ImportTarget[]>() };
      tasks.set(descriptor.digest, task);
      const images = task.targets.get(target.repository) ?? [];
      task.targets.set(target.repository, [...images, target]);
    }
  }
  return [...tasks.values()];
}
