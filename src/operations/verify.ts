import { availableParallelism } from "node:os";
import type { BundleIdentity, BundleImage, PlacedEntry } from "../bundle/format/index.js";
import { SealiftError } from "../errors/index.js";
import { type Digest, digestAlgorithm } from "../oci/index.js";
import type { EventListener, Op, RandomAccessSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { assertDigest, BundleContent, isBlob } from "./bundle-content.js";
import { verifyLayers } from "./deep-verify.js";
import { assertDocuments, type WalkedImage } from "./documents.js";
import { blobsInOrder } from "./entry-order.js";
import { inParts } from "./in-parts.js";
import { type DeltaSummary, summarizeDelta } from "./left-out.js";
import { assertLayout, describeSignature, type OpenBundle, openBundle, type ReadableBundle } from "./open-bundle.js";
import { graphsOf } from "./referrer-graph.js";
import { runAll } from "./run-all.js";

/** What verifying needs. */
export interface VerifyOptions extends Op {
  readonly source: RandomAccessSource;
  readonly trust: TrustPolicy;
  /** Unpack each layer, too, and check its digest against the image's config. */
  readonly deep: boolean;
  readonly onEvent: EventListener;
}

/** A bundle that was found to be whole and authentic. */
export interface VerifyResult {
  readonly identity: BundleIdentity;
  readonly indexDigest: Digest;
  /** The key that signed; undefined if no signature was asked for. */
  readonly signedBy: string | undefined;
  /** In bytes. */
  readonly size: number;
  readonly images: readonly BundleImage[];
  /** How many files the index lists that are in the bundle. */
  readonly entries: number;
  /** What the bundle leaves out, which was not checked; undefined if it is no delta. */
  readonly delta: DeltaSummary | undefined;
  /** How many layers were unpacked and checked; undefined unless asked for. */
  readonly unpackedLayers: number | undefined;
}

/**
 * Checks a bundle, in this order: the signature of its index, the tar's form
 * against the index, that every image is complete, and every entry's digest.
 *
 * @throws SealiftError `SIGNATURE_INVALID`, `KEY_MISSING`, `BUNDLE_INVALID`,
 * `SIZE_MISMATCH`, `DIGEST_MISMATCH`, `MANIFEST_INVALID`, `MEDIUM_FAILED`.
 */
export async function verifyBundle(options: VerifyOptions): Promise<VerifyResult> {
  const { onEvent } = options;
  const bundle = await openBundle(options.source, options.trust);
  onEvent({ type: "step", text: describeSignature(bundle) });
  await assertLayout(bundle, options.signal);
  const content = new BundleContent(bundle);
  const images = await walkImages(bundle, content, options.signal);
  const unread = unreadEntries(bundle, content);
  announceTotal(unread, onEvent);
  const unpacked = options.deep ? await verifyLayers(bundle, content, images, options) : undefined;
  const left = withoutBlobs(unread, unpacked ?? new Set());
  await verifyEntries(bundle, left, options);
  return verifyResult(bundle, unpacked?.size);
}

/** What was found of a bundle that is whole. */
export function verifyResult(
  { index, indexDigest, signedBy, layout, form }: ReadableBundle,
  unpackedLayers: number | undefined,
): VerifyResult {
  return {
    identity: index.identity,
    indexDigest,
    signedBy: signedBy?.keyId,
    size: layout.size,
    images: index.images,
    entries: layout.entries.length,
    delta: summarizeDelta(index, form),
    unpackedLayers,
  };
}

/**
 * Reads everything above the layers: every image must be whole, and the documents
 * for other readers must name these images, and nothing else may be there.
 *
 * @throws SealiftError as `BundleContent.walk` and `assertDocuments`; or the signal's reason.
 */
export async function walkImages(
  bundle: ReadableBundle,
  content: BundleContent,
  signal: AbortSignal | undefined,
): Promise<readonly WalkedImage[]> {
  const images: WalkedImage[] = [];
  for (const image of bundle.index.images) {
    signal?.throwIfAborted();
    images.push(await content.walk(image));
  }
  assertDocuments(bundle, images);
  assertNothingElse(bundle, images);
  return images;
}

/**
 * Content that no image leads to has no business in a bundle: nobody would ever
 * look at it, but those who know. What is left out must have been needed, too.
 * And all is in its place, or whoever reads a pipe could not do without keeping layers.
 */
function assertNothingElse({ index }: ReadableBundle, images: readonly WalkedImage[]): void {
  const leftOut = new Set(index.delta?.leftOut.map(({ digest }) => digest));
  const expected = blobsInOrder(images.flatMap(graphsOf), leftOut);
  const needed = new Set(expected.map(({ digest }) => digest));
  const blobs = index.entries.filter((entry) => isBlob({ entry }));
  const other = blobs.find(({ digest }) => !needed.has(digest));
  if (other !== undefined) throw strangeBundle("every entry to belong to an image", other.path);
  const misplaced = blobs.find(({ digest }, at) => digest !== expected[at]?.digest);
  if (misplaced !== undefined) throw strangeBundle("all entries in their order", `${misplaced.path} out of place`);
}

function strangeBundle(expected: string, came: string): SealiftError {
  return new SealiftError("BUNDLE_INVALID", `expected ${expected}, got ${came}`, {
    hint: "do not use this bundle: whoever signed it did not make it with Sealift",
  });
}

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
