import {
  type BundleIdentity,
  type BundleImage,
  encodeBundleIndex,
  headerOf,
  MAX_INDEX_SIZE,
  type PlacedEntry,
  type PlacedFile,
  planLayout,
} from "../bundle/format/index.js";
import { SealiftError } from "../errors/index.js";
import { type Digest, digestOf } from "../oci/index.js";
import type { EventListener, RandomAccessSink, Signer } from "../ports/index.js";
import { sigstoreBundle } from "../signing/index.js";
import { type BundleDraft, type Download, draftBundle } from "./bundle-draft.js";
import { type CollectOptions, collectImages } from "./collect-images.js";
import { documentWarnings } from "./documents.js";
import type { ImageFailure } from "./expand-images.js";
import { runAll } from "./run-all.js";

/** What an export needs. */
export interface ExportOptions extends CollectOptions {
  readonly identity: BundleIdentity;
  readonly signer: Promise<Signer>;
  readonly openSink: () => Promise<RandomAccessSink>;
}

/** What an export made. */
export interface ExportResult {
  readonly identity: BundleIdentity;
  /** The digest of the signed index: it names this bundle and no other. */
  readonly indexDigest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly images: readonly BundleImage[];
  readonly failures: readonly ImageFailure[];
}

/**
 * Writes a signed bundle of images.
 *
 * The manifests are read first. From then on every byte's place is known: the
 * index is signed, and the layers are downloaded in parallel to where they
 * belong. The sink is opened only when there is something to write, and is
 * committed only when all of it was written.
 *
 * @throws SealiftError whatever resolving, downloading, verifying and writing
 * can fail with. An image that its registry does not give is a failure in the
 * result, unless there is no other.
 */
export async function exportImages(options: ExportOptions): Promise<ExportResult> {
  const { collection, signer } = await collectAndOpen(options);
  const [firstFailure] = collection.failures;
  if (firstFailure !== undefined && collection.images.length === 0) throw firstFailure.error;
  const draft = draftBundle(collection, options.identity, signer.keyId);
  for (const text of documentWarnings(draft.known)) options.onEvent({ type: "warning", text });
  const preamble = signIndex(draft, signer);
  const layout = planLayout(
    {
      index: preamble.index.length,
      signature: preamble.signature.length,
      sigstoreBundle: preamble.sigstoreBundle.length,
    },
    draft.index.entries,
  );
  await using sink = await options.openSink();
  await sink.allocate(layout.size);
  await writeFile(sink, layout.index, preamble.index);
  await writeFile(sink, layout.signature, preamble.signature);
  await writeFile(sink, layout.sigstoreBundle, preamble.sigstoreBundle);
  const pending: PendingDownload[] = [];
  for (const placed of layout.entries) {
    const bytes = draft.known.get(placed.path);
    const download = draft.downloads.get(placed.path);
    if (bytes !== undefined) await writeFile(sink, placed, bytes);
    else if (download !== undefined) pending.push({ placed, download });
  }
  await downloadAll(pending, sink, options);
  options.signal?.throwIfAborted();
  options.onEvent({ type: "step", text: "Making the bundle safe on its medium" });
  await sink.commit();
  return {
    identity: options.identity,
    indexDigest: digestOf(preamble.index),
    size: layout.size,
    images: draft.index.images,
    failures: collection.failures,
  };
}

/** Reads the manifests while the signer is being opened; if that fails, there is no use in going on. */
async function collectAndOpen(options: ExportOptions) {
  const failed = new AbortController();
  const signals = options.signal === undefined ? [failed.signal] : [options.signal, failed.signal];
  const signer = options.signer.catch((error: unknown) => {
    failed.abort(error);
    throw error;
  });
  const [collection] = await Promise.all([collectImages({ ...options, signal: AbortSignal.any(signals) }), signer]);
  return { collection, signer: await signer };
}

interface PendingDownload {
  readonly placed: PlacedEntry;
  readonly download: Download;
}

function signIndex(draft: BundleDraft, signer: Signer) {
  const index = encodeBundleIndex(draft.index);
  if (index.length > MAX_INDEX_SIZE) {
    throw new SealiftError("USAGE", `expected an index of at most ${MAX_INDEX_SIZE} bytes, got ${index.length}`, {
      hint: "export fewer images into one bundle",
    });
  }
  const signature = signer.sign(index);
  return { index, signature, sigstoreBundle: sigstoreBundle(signature, digestOf(index), signer.keyId) };
}

async function writeFile(sink: RandomAccessSink, file: PlacedFile, bytes: Uint8Array): Promise<void> {
  await sink.write(file.headerPosition, Buffer.concat([headerOf(file), bytes]));
}

async function downloadAll(
  pending: readonly PendingDownload[],
  sink: RandomAccessSink,
  options: ExportOptions,
): Promise<void> {
  const bytes = pending.reduce((sum, { placed }) => sum + placed.size, 0);
  options.onEvent({ type: "total", bytes, blobs: pending.length });
  // The largest first, so that no long one begins when the others are done.
  const ordered = pending.toSorted((a, b) => b.placed.size - a.placed.size);
  await runAll(ordered, options.concurrency, options.signal, (item, signal) =>
    download(item, sink, options.onEvent, signal),
  );
}

async function download(
  { placed, download: { descriptor, source } }: PendingDownload,
  sink: RandomAccessSink,
  onEvent: EventListener,
  signal: AbortSignal,
): Promise<void> {
  const { digest, size } = descriptor;
  onEvent({ type: "blob-started", digest, bytes: size });
  await sink.write(placed.headerPosition, headerOf(placed));
  let received = 0;
  const take = async (chunk: Uint8Array, position: number): Promise<void> => {
    await sink.write(placed.position + position, chunk);
    // Less than before when a new try has begun.
    onEvent({ type: "blob-progress", digest, bytes: position + chunk.length - received });
    received = position + chunk.length;
  };
  await source.fetchBlob(descriptor, take, { signal });
  onEvent({ type: "blob-finished", digest });
}
