import type { BundleImage } from "../bundle/format/index.js";
import type { EventListener, Op, RandomAccessSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { type DeltaSummary, summarizeDelta } from "./delta/left-out.js";
import { BundleContent } from "./read/bundle-content.js";
import { type CheckedBundle, checkedBundle } from "./read/checked-bundle.js";
import { verifyLayers } from "./read/deep-verify.js";
import { assertLayout, describeSignature, openBundle, type ReadableBundle } from "./read/open-bundle.js";
import { announceTotal, unreadEntries, verifyEntries, withoutBlobs } from "./read/verify-entries.js";
import { walkImages } from "./read/walk-images.js";

/** What verifying needs. */
export interface VerifyOptions extends Op {
  readonly source: RandomAccessSource;
  readonly trust: TrustPolicy;
  /** Unpack each layer, too, and check its digest against the image's config. */
  readonly deep: boolean;
  readonly onEvent: EventListener;
}

/** A bundle that was found to be whole and authentic. */
export interface VerifyResult extends CheckedBundle {
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
export function verifyResult(bundle: ReadableBundle, unpackedLayers: number | undefined): VerifyResult {
  const { index, layout, form } = bundle;
  return {
    ...checkedBundle(bundle),
    images: index.images,
    entries: layout.entries.length,
    delta: summarizeDelta(index, form),
    unpackedLayers,
  };
}
