import { planForm } from "../../bundle/format/index.js";
import { SealiftError } from "../../errors/index.js";
import type { Digest } from "../../oci/index.js";
import type { RandomAccessSource } from "../../ports/index.js";
import type { TrustPolicy } from "../../signing/index.js";
import { SourceReader } from "../read/bundle-reader.js";
import { type BundleHead, inForm, MAX_HEAD_SIZE, type OpenBundle, readHead } from "../read/open-bundle.js";
import { kinshipOf } from "./kinship.js";
import { assertPartsOf } from "./listed-parts.js";
import type { Patch } from "./open-patch.js";
import { TolerantReads } from "./tolerant-reads.js";

/** The head that a damaged copy should have, up to its signature's last byte. */
export interface HealedHead {
  /** What there is in its place; undefined if that is less, or cannot be read. */
  readonly came: Uint8Array | undefined;
  readonly bytes: Uint8Array;
  readonly bundle: OpenBundle;
}

/**
 * Takes the head of a bundle from a patch, if a trusted key signed it, and what
 * is left of the copy belongs to it.
 *
 * @param reason - Why the copy's own head cannot be read.
 * @throws SealiftError `BUNDLE_INVALID` if the patch has no head, or that of
 * another bundle, or what it would heal is no bundle; as `assertPartsOf`; as `readHead` if the head is not good.
 */
export async function healHead(
  source: RandomAccessSource,
  trust: TrustPolicy,
  patch: Patch,
  reason: SealiftError,
): Promise<HealedHead> {
  const length = patch.index.ranges[0]?.length ?? 0;
  if (!patch.covers(0, Math.max(1, length)) || length > MAX_HEAD_SIZE) {
    throw new SealiftError("BUNDLE_INVALID", "expected a patch with the head of the bundle, got one without it", {
      hint: "the index or its signature is damaged: ask for them first, with sealift verify BUNDLE --damage; nothing was written",
      cause: reason,
    });
  }
  const bytes = await patch.over(0, new Uint8Array(length));
  const head = await readHead(new SourceReader({ size: length, read: readerOf(bytes) }), trust);
  const bundle = bundleOf(source, head, patch);
  if (bundle === undefined) throw anotherBundle(head.indexDigest);
  assertPartsOf(source, bundle);
  const { position, size } = bundle.layout.signature;
  const end = position + size;
  const reads = new TolerantReads(source);
  const planned = bytes.subarray(0, end);
  const kinship = await kinshipOf(reads, bundle, planned);
  if (kinship === "another") throw anotherBundle(head.indexDigest);
  if (kinship === "unknown") throw notRecognized(head.indexDigest);
  return { came: await reads.read(0, end), bytes: planned, bundle };
}

function anotherBundle(index: Digest): SealiftError {
  return new SealiftError(
    "BUNDLE_INVALID",
    `expected a patch for this bundle, got one for the bundle with the index ${index}, which is another`,
    { hint: "name the patch that was made for this bundle; nothing was written" },
  );
}

function notRecognized(index: Digest): SealiftError {
  return new SealiftError(
    "BUNDLE_INVALID",
    `expected a copy of the bundle with the index ${index}, got a file in which none of its bytes are where they should be`,
    { hint: "name the damaged copy; if this is it, copy it anew: too little is left of it. Nothing was written" },
  );
}

function readerOf(bytes: Uint8Array) {
  return async (position: number, length: number): Promise<Uint8Array> => {
    if (position + length <= bytes.length) return bytes.subarray(position, position + length);
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected a head of at least ${position + length} bytes in the patch, got ${bytes.length}`,
    );
  };
}

/** The bundle in the form that the patch is for. */
function bundleOf(source: RandomAccessSource, head: BundleHead, { index }: Patch): OpenBundle | undefined {
  if (head.indexDigest !== index.index) return undefined;
  const forms = ["full", "delta"] as const;
  const form = forms.find((candidate) => planForm(head.sizes, head.index, candidate).size === index.size);
  return form && inForm(source, head, form);
}
