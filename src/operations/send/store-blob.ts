import type { Readable } from "node:stream";
import type { Descriptor } from "../../oci/index.js";
import { type EventListener, isBlobMounter, type Op } from "../../ports/index.js";
import type { BlobCounts } from "./blob-counts.js";
import { copyBlob } from "./copy-within-registry.js";
import { ImportTarget, type TargetRepository } from "./import-target.js";

/** A blob, and every repository that needs it. */
export interface WantedBlob {
  readonly descriptor: Descriptor;
  readonly targets: ReadonlyMap<TargetRepository, readonly ImportTarget[]>;
}

/** The bytes of a blob that is to be sent. */
export interface BlobBytes {
  /** Whether they have come by, and cannot be had again. */
  readonly isGone: boolean;

  /**
   * Has them sent.
   *
   * @param put - Is given what opens them, as `ImageDestination.putBlob` takes it.
   */
  send(put: (open: () => Promise<Readable>) => Promise<void>): Promise<void>;
}

/**
 * Brings a blob to every repository that needs it: found there, mounted from
 * another one, or sent; copied from there, if the bytes to send are gone and the
 * registry does not mount.
 *
 * @param counts - What was done is added to it.
 * @returns whether it was sent.
 * @throws SealiftError what the bytes fail with; `UNREACHABLE`.
 */
export async function storeBlob(
  { descriptor, targets }: WantedBlob,
  bytes: BlobBytes,
  counts: BlobCounts,
  op: Op & { readonly onEvent: EventListener },
): Promise<boolean> {
  let stored: TargetRepository | undefined;
  let isSent = false;
  for (const [repository, images] of targets) {
    if (images.every(({ failure }) => failure !== undefined)) continue;
    const how = await ImportTarget.attempt(images, () => bring(descriptor, bytes, repository, stored, op));
    if (how === undefined) continue;
    stored ??= repository;
    counts[how] += 1;
    if (how === "transferred") counts.transferredBytes += descriptor.size;
    if (how === "copied") counts.copiedBytes += descriptor.size;
    isSent ||= how === "transferred";
  }
  return isSent;
}

async function bring(
  descriptor: Descriptor,
  bytes: BlobBytes,
  { destination }: TargetRepository,
  stored: TargetRepository | undefined,
  op: Op & { readonly onEvent: EventListener },
): Promise<"present" | "mounted" | "copied" | "transferred"> {
  if (await destination.has(descriptor, op)) return "present";
  if (stored !== undefined) {
    const isMounted = isBlobMounter(destination) && (await destination.mountBlob(descriptor, stored.reference, op));
    if (isMounted) return "mounted";
    if (bytes.isGone) {
      await copyBlob(descriptor, stored, destination, op);
      return "copied";
    }
  }
  await bytes.send((open) => destination.putBlob(descriptor, open, op));
  return "transferred";
}
