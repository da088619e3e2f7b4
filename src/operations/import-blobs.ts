import type { PlacedEntry } from "../bundle/format/index.js";
import { verifiedStream } from "../io/index.js";
import type { Descriptor, Digest } from "../oci/index.js";
import { type EventListener, isBlobMounter, type RandomAccessSource } from "../ports/index.js";
import type { BundleContent } from "./bundle-content.js";
import { ImportTarget, type TargetRepository } from "./import-target.js";
import { runAll } from "./run-all.js";

/** What was done with the blobs of an import, or would be. */
export interface BlobCounts {
  /** Sent from the bundle. */
  transferred: number;
  /** In bytes. */
  transferredBytes: number;
  /** Made available from another repository of the registry. */
  mounted: number;
  /** Found in their repository. */
  present: number;
}

/** A blob, and every repository that needs it. */
interface BlobTask {
  readonly descriptor: Descriptor;
  readonly placed: PlacedEntry;
  readonly targets: ReadonlyMap<TargetRepository, readonly ImportTarget[]>;
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
 * Brings every blob to every repository that needs it: found there, mounted from
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
  const counts: BlobCounts = { transferred: 0, transferredBytes: 0, mounted: 0, present: 0 };
  const verified = new Set<Digest>();
  await runAll(planTasks(targets, content), options.concurrency, options.signal, async (task, signal) => {
    const { digest, size } = task.descriptor;
    let stored: TargetRepository | undefined;
    for (const [repository, images] of task.targets) {
      if (images.every(({ failure }) => failure !== undefined)) continue;
      const how = await ImportTarget.attempt(images, () => bring(task, repository, stored, { ...options, signal }));
      if (how === undefined) continue;
      stored ??= repository;
      counts[how] += 1;
      if (how === "transferred") {
        counts.transferredBytes += size;
        verified.add(digest);
      }
    }
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
  options: StoreBlobsOptions,
): Promise<BlobCounts> {
  const counts: BlobCounts = { transferred: 0, transferredBytes: 0, mounted: 0, present: 0 };
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

async function bring(
  { descriptor, placed }: BlobTask,
  { destination }: TargetRepository,
  stored: TargetRepository | undefined,
  { source, onEvent, signal }: StoreBlobsOptions,
): Promise<"present" | "mounted" | "transferred"> {
  const op = signal === undefined ? {} : { signal };
  const { digest, size } = descriptor;
  if (await destination.has(descriptor, op)) return "present";
  if (
    stored !== undefined &&
    isBlobMounter(destination) &&
    (await destination.mountBlob(descriptor, stored.reference, op))
  ) {
    return "mounted";
  }
  onEvent({ type: "blob-started", digest, bytes: size });
  let sent = 0;
  const open = async () => {
    onEvent({ type: "blob-progress", digest, bytes: -sent });
    sent = 0;
    return verifiedStream(source.stream(placed.position, size), descriptor, "the bundle", (bytes) => {
      sent += bytes;
      onEvent({ type: "blob-progress", digest, bytes });
    });
  };
  await destination.putBlob(descriptor, open, op);
  onEvent({ type: "blob-finished", digest });
  return "transferred";
}

// The largest first, so that no long one begins when the others are done.
function planTasks(targets: readonly ImportTarget[], content: BundleContent): BlobTask[] {
  const tasks = new Map<Digest, { descriptor: Descriptor; targets: Map<TargetRepository, ImportTarget[]> }>();
  for (const target of targets) {
    for (const descriptor of target.blobs) {
      const task = tasks.get(descriptor.digest) ?? { descriptor, targets: new Map<TargetRepository, ImportTarget[]>() };
      tasks.set(descriptor.digest, task);
      const images = task.targets.get(target.repository) ?? [];
      task.targets.set(target.repository, [...images, target]);
    }
  }
  return [...tasks.values()]
    .map((task) => ({ ...task, placed: content.locate(task.descriptor) }))
    .sort((a, b) => b.descriptor.size - a.descriptor.size);
}
