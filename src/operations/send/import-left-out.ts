import { type EventListener, isBlobMounter, type Op } from "../../ports/index.js";
import { runAll } from "../concurrency/run-all.js";
import { type BlobCounts, noBlobs } from "./blob-counts.js";
import { copyBlob } from "./copy-within-registry.js";
import { aliveOf, type FoundBlob, type LeftOutOptions } from "./find-left-out.js";
import { ImportTarget, type TargetRepository } from "./import-target.js";

/**
 * Brings what {@link findLeftOut} found to every repository that lacks it:
 * mounted, or copied where the registry does not mount.
 *
 * @throws SealiftError as {@link copyBlob}; `UNREACHABLE`.
 */
export async function storeLeftOut(found: readonly FoundBlob[], options: LeftOutOptions): Promise<BlobCounts> {
  const stored = noBlobs();
  await runAll(found, options.concurrency, options.signal, async (blob, signal) => {
    stored.present += blob.present;
    for (const repository of blob.lacking) {
      const images = aliveOf(blob, repository);
      if (images.length === 0) continue;
      const how = await ImportTarget.attempt(images, () => bring(blob, repository, { ...options, signal }));
      if (how === undefined) continue;
      stored[how] += 1;
      if (how === "copied") stored.copiedBytes += blob.descriptor.size;
    }
  });
  return stored;
}

/** What {@link storeLeftOut} would do if the registry mounts all that it can. */
export function surveyLeftOut(found: readonly FoundBlob[]): BlobCounts {
  const stored = noBlobs();
  for (const blob of found) {
    stored.present += blob.present;
    for (const { destination } of blob.lacking) {
      if (isBlobMounter(destination)) stored.mounted += 1;
      else {
        stored.copied += 1;
        stored.copiedBytes += blob.descriptor.size;
      }
    }
  }
  return stored;
}

async function bring(
  { descriptor, holder }: FoundBlob,
  { destination }: TargetRepository,
  { onEvent, signal }: Op & { readonly onEvent: EventListener },
): Promise<"mounted" | "copied"> {
  const op = signal && { signal };
  const isMounted = isBlobMounter(destination) && (await destination.mountBlob(descriptor, holder.reference, op));
  if (isMounted) return "mounted";
  await copyBlob(descriptor, holder, destination, { onEvent, ...op });
  return "copied";
}
