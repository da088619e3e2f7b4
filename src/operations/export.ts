import {
  type BundleIdentity,
  type BundleImage,
  type BundleIndex,
  encodeBundleIndex,
  MAX_INDEX_SIZE,
  planForm,
} from "../bundle/format/index.js";
import { SealiftError } from "../errors/index.js";
import { type Digest, digestOf } from "../oci/index.js";
import type { RandomAccessSink, SignatureVerifier, Signer } from "../ports/index.js";
import { type CollectOptions, collectImages } from "./collect/collect-images.js";
import type { ImageFailure } from "./collect/expand-images.js";
import type { HeldBlobs } from "./delta/held-blobs.js";
import { type DeltaSummary, summarizeDelta } from "./delta/left-out.js";
import { leaveOut } from "./delta/plan-delta.js";
import { documentWarnings } from "./read/documents.js";
import { preambleOf } from "./read/preamble.js";
import { draftBundle } from "./write/bundle-draft.js";
import { commitBundle, type FinishOptions, type ReadBackFrom } from "./write/commit-bundle.js";
import { fillBundle } from "./write/fill-bundle.js";
import { findSameIndex, readLeftovers, type SignedIndex } from "./write/leftovers.js";
import type { FindLocalBlob } from "./write/local-blobs.js";

/** What an export needs. */
export interface ExportOptions extends CollectOptions, FinishOptions {
  readonly identity: BundleIdentity;
  readonly signer: Promise<Signer>;
  readonly openSink: () => Promise<RandomAccessSink>;
  /**
   * Reads what the far side has; layers of it are left out. A bundle that it
   * reads may be signed with `ownKey`, besides those that are trusted anyway.
   */
  readonly readHeld?: ((ownKey: SignatureVerifier) => Promise<readonly HeldBlobs[]>) | undefined;
  /** Whether the identity's time was set by someone, so that an interrupted run with another time is no use. */
  readonly keepsTime?: boolean;
  /** Blobs of other bundles at hand, which need not be downloaded. */
  readonly findLocal?: FindLocalBlob | undefined;
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
  /** What is left out since the far side has it; undefined if nothing is, and the bundle is no delta. */
  readonly delta: DeltaSummary | undefined;
  /** Undefined if it was not to be read back. */
  readonly readBackFrom: ReadBackFrom | undefined;
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
  const { collection, signer, held } = await collectAndOpen(options);
  const [firstFailure] = collection.failures;
  if (firstFailure !== undefined && collection.images.length === 0) throw firstFailure.error;
  const draft = draftBundle(collection, options.identity, signer.keyId);
  const planned = leaveOut(draft.index, collection.images, held, options.onEvent);
  for (const text of documentWarnings(draft.known)) options.onEvent({ type: "warning", text });
  await using sink = await options.openSink();
  const left = await readLeftovers(sink, options.onEvent);
  const signed = findSameIndex(left, planned, signer, options.keepsTime ?? false) ?? signIndex(planned, signer);
  const { index, preamble } = signed;
  const sizes = {
    index: preamble.index.length,
    signature: preamble.signature.length,
    sigstoreBundle: preamble.sigstoreBundle.length,
  };
  const layout = planForm(sizes, index, "delta");
  const plan = { layout, preamble, known: draft.known, blobs: draft.downloads };
  const sums = await fillBundle(plan, sink, { ...options, left });
  const readBackFrom = await commitBundle(plan, sums, sink, options);
  return {
    identity: index.identity,
    indexDigest: digestOf(preamble.index),
    size: layout.size,
    images: index.images,
    failures: collection.failures,
    delta: summarizeDelta(index, "delta"),
    readBackFrom,
  };
}

/**
 * Reads the manifests while the signer is being opened, and with it what the far
 * side has; if that fails, there is no use in going on.
 */
async function collectAndOpen(options: ExportOptions) {
  const failed = new AbortController();
  const signals = options.signal === undefined ? [failed.signal] : [options.signal, failed.signal];
  const opening = options.signer
    .then(async (signer) => ({ signer, held: (await options.readHeld?.(signer)) ?? [] }))
    .catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  const [collection, opened] = await Promise.all([
    collectImages({ ...options, signal: AbortSignal.any(signals) }),
    opening,
  ]);
  return { collection, ...opened };
}

function signIndex(index: BundleIndex, signer: Signer): SignedIndex {
  const bytes = encodeBundleIndex(index);
  if (bytes.length > MAX_INDEX_SIZE) {
    throw new SealiftError("USAGE", `expected an index of at most ${MAX_INDEX_SIZE} bytes, got ${bytes.length}`, {
      hint: "export fewer images into one bundle",
    });
  }
  return { index, preamble: preambleOf(bytes, signer.sign(bytes), signer.keyId) };
}
