import type { BundleIdentity, BundleReferrer } from "../bundle/format/index.js";
import type { SealiftError } from "../errors/index.js";
import { type Digest, formatReference, type Reference } from "../oci/index.js";
import type { EventListener, ImageDestination, Op, RandomAccessSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { runAll } from "./concurrency/run-all.js";
import { type DeltaSummary, summarizeDelta } from "./delta/left-out.js";
import { BundleContent } from "./read/bundle-content.js";
import {
  assertLayout,
  describeSignature,
  type OpenBundle,
  openBundle,
  type ReadableBundle,
} from "./read/open-bundle.js";
import { announceTotal, unreadEntries, verifyEntries, withoutBlobs } from "./read/verify-entries.js";
import { walkImages } from "./read/walk-images.js";
import { addCounts, type BlobCounts } from "./send/blob-counts.js";
import { type DestinationRoot, routeImages } from "./send/destination.js";
import { type FoundBlob, findLeftOut } from "./send/find-left-out.js";
import { storeBlobs, surveyBlobs } from "./send/import-blobs.js";
import { storeLeftOut, surveyLeftOut } from "./send/import-left-out.js";
import { storeManifests, tagRoot } from "./send/import-manifests.js";
import { storeReferrers, tagReferrers } from "./send/import-referrers.js";
import { ImportTarget, openTargets, routeGraphs } from "./send/import-target.js";

/** What sending needs. */
export interface SendOptions extends Op {
  readonly to: DestinationRoot;
  /** Ask the registry what it has, and send nothing. */
  readonly dryRun: boolean;
  /** How many blobs are sent at the same time. */
  readonly concurrency: number;
  readonly openDestination: (reference: Reference) => Promise<ImageDestination>;
  readonly onEvent: EventListener;
}

/** What an import needs. */
export interface ImportOptions extends SendOptions {
  readonly source: RandomAccessSource;
  readonly trust: TrustPolicy;
}

/** What became of one image. */
export interface ImportedImage {
  /** The name it has in the bundle. */
  readonly name: string;
  /** The name it has, or should have, on the far side. */
  readonly destination: string;
  readonly digest: Digest;
  /** What arrived, or would arrive, with it: signatures, attestations, SBOMs; absent if nothing. */
  readonly referrers?: readonly BundleReferrer[];
  /** Why it did not arrive, if it did not. */
  readonly failure?: SealiftError;
}

/** What an import did, or would do. */
export interface ImportResult {
  readonly identity: BundleIdentity;
  readonly indexDigest: Digest;
  /** The key that signed; undefined if no signature was asked for. */
  readonly signedBy: string | undefined;
  readonly dryRun: boolean;
  readonly images: readonly ImportedImage[];
  readonly blobs: Readonly<BlobCounts>;
  /** What the bundle leaves out; undefined if it is no delta. */
  readonly delta: DeltaSummary | undefined;
}

/**
 * Sends the images of a bundle to a registry: the signature and the tar's form
 * are checked first, then the blobs are sent, each verified on its way, then
 * the manifests, children first, then what refers to them. Only when every entry of the bundle was found
 * right, and all that an image needs is stored, is it tagged. What a delta leaves
 * out must be at the registry before anything is sent.
 *
 * @throws SealiftError whatever checking the bundle can fail with, `USAGE` (two
 * images under one name), `UNREACHABLE`. An image that the registry refuses
 * carries its failure in the result, unless all of them do.
 */
export async function importBundle(options: ImportOptions): Promise<ImportResult> {
  const bundle = await openBundle(options.source, options.trust);
  options.onEvent({ type: "step", text: describeSignature(bundle) });
  await assertLayout(bundle, options.signal);
  const routed = routeImages(bundle.index.images, options.to);
  const content = new BundleContent(bundle);
  const walked = await walkImages(bundle, content, options.signal);
  const targets = await openTargets(routeGraphs(routed, walked), options.openDestination);
  const found = await findLeftOut(bundle, content, targets, options);
  const blobs = options.dryRun
    ? addCounts(surveyLeftOut(found), await surveyBlobs(targets, content, options))
    : await sendImages(bundle, content, targets, found, options);
  return importResult(bundle, targets, blobs, options);
}

/** What an import did; fails if not one image arrived. */
export function importResult(
  { index, indexDigest, signedBy, form }: ReadableBundle,
  targets: readonly ImportTarget[],
  blobs: BlobCounts,
  { dryRun }: Pick<ImportOptions, "dryRun">,
): ImportResult {
  const [first] = targets;
  if (first?.failure !== undefined && targets.every(({ failure }) => failure !== undefined)) throw first.failure;
  return {
    identity: index.identity,
    indexDigest,
    signedBy: signedBy?.keyId,
    dryRun,
    images: targets.map(describeTarget),
    blobs,
    delta: summarizeDelta(index, form),
  };
}

async function sendImages(
  bundle: OpenBundle,
  content: BundleContent,
  targets: readonly ImportTarget[],
  found: readonly FoundBlob[],
  options: ImportOptions,
): Promise<BlobCounts> {
  const leftOut = await storeLeftOut(found, options);
  const unread = unreadEntries(bundle, content);
  announceTotal(unread, options.onEvent);
  const { counts, verified } = await storeBlobs(targets, content, options);
  const left = withoutBlobs(unread, verified);
  await verifyEntries(bundle, left, options);
  await completeImages(targets, options);
  return addCounts(leftOut, counts);
}

/**
 * Stores manifests and what refers to them, and then tags. All blobs are stored,
 * and every byte of the bundle was found right.
 *
 * @throws SealiftError `UNREACHABLE`.
 */
export async function completeImages(targets: readonly ImportTarget[], options: SendOptions): Promise<void> {
  await forEachImage(targets, options, async (target, op) => {
    await storeManifests(target, op);
    await storeReferrers(target, op);
  });
  await forEachImage(targets, options, async (target, op) => {
    // Whoever waits for the image to appear finds it signed.
    await tagReferrers(target, options.onEvent, op);
    await tagRoot(target, op);
  });
}

async function forEachImage(
  targets: readonly ImportTarget[],
  { concurrency, signal }: SendOptions,
  step: (target: ImportTarget, op: Op) => Promise<void>,
): Promise<void> {
  const alive = targets.filter(({ failure }) => failure === undefined);
  await runAll(alive, concurrency, signal, async (target, inner) => {
    await ImportTarget.attempt([target], () => step(target, { signal: inner }));
  });
}

function describeTarget({ routed: { image, destination }, failure }: ImportTarget): ImportedImage {
  return {
    name: image.name,
    destination: formatReference(destination),
    digest: image.root.digest,
    ...(image.referrers === undefined ? {} : { referrers: image.referrers }),
    ...(failure === undefined ? {} : { failure }),
  };
}
