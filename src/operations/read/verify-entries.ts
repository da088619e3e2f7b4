import { availableParallelism } from "node:os";
import type { PlacedEntry } from "../../bundle/format/index.js";
import { type Digest, digestAlgorithm } from "../../oci/index.js";
import type { EventListener } from "../../ports/index.js";
import { runAll } from "../concurrency/run-all.js";
import { assertDigest, type BundleContent, isBlob } from "./bundle-content.js";
import { inParts } from "./in-parts.js";
import type { OpenBundle, ReadableBundle } from "./open-bundle.js";

/** All entries but the blobs with these digests: those were verified where they lie. */
export function withoutBlobs(entries: readonly PlacedEntry[], digests: ReadonlySet<Digest>): readonly PlacedEntry[] {
  return entries.filter((placed) => !isBlob(placed) || !digests.has(placed.entry.digest));
}

/** The entries that nobody has read, and so verified, yet. */
export function unreadEntries(bundle: ReadableBundle, content: BundleContent): readonly PlacedEntry[] {
  return withoutBlobs(bundle.layout.entries, content.verified);
}

/** Says how much is to come. */
export function announceTotal(entries: readonly PlacedEntry[], onEvent: EventListener): void {
  onEvent({ type: "total", bytes: entries.reduce((sum, { size }) => sum + size, 0), blobs: entries.length });
}

/**
 * Checks the digest of entries.
 *
 * @throws SealiftError `DIGEST_MISMATCH`, `BUNDLE_INVALID` (the file shrank), `MEDIUM_FAILED`.
 */
export async function verifyEntries(
  { source }: OpenBundle,
  entries: readonly PlacedEntry[],
  { onEvent, signal }: { readonly onEvent: EventListener; readonly signal?: AbortSignal },
): Promise<void> {
  const ordered = entries.toSorted((a, b) => b.size - a.size);
  await runAll(ordered, availableParallelism(), signal, async ({ entry: { path, digest, size }, position }, inner) => {
    onEvent({ type: "blob-started", digest, bytes: size });
    const came = await source.digest(position, size, digestAlgorithm(digest), {
      signal: inner,
      onBytes: (bytes) => {
        onEvent({ type: "blob-progress", digest, bytes });
      },
    });
    await inParts(source, { position, size }, () => assertDigest(digest, came, path), { signal: inner });
    onEvent({ type: "blob-finished", digest });
  });
}
