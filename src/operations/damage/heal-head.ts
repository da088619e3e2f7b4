import { HEADER_BLOCK_SIZE, headerOf, planForm } from "../../bundle/format/index.js";
import { SealiftError } from "../../errors/index.js";
import type { RandomAccessSource } from "../../ports/index.js";
import type { TrustPolicy } from "../../signing/index.js";
import { isBlob } from "../read/bundle-content.js";
import { SourceReader } from "../read/bundle-reader.js";
import { type BundleHead, inForm, MAX_HEAD_SIZE, type OpenBundle, readHead } from "../read/open-bundle.js";
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
 * another bundle; as `readHead` if the head is not good.
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
  const reads = new TolerantReads(source);
  if (bundle === undefined || !(await belongsTo(reads, bundle))) {
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected a patch for this bundle, got one for the bundle with the index ${head.indexDigest}, which is another`,
      { hint: "name the patch that was made for this bundle; nothing was written" },
    );
  }
  const { position, size } = bundle.layout.signature;
  const end = position + size;
  return { came: await reads.read(0, end), bytes: bytes.subarray(0, end), bundle };
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

// Enough to find one, where one is left.
const MAX_LOOKED_AT = 1000;

/**
 * Whether a header that names a digest, or the one of the sums, is where the
 * bundle has it, or some of it is among zeros: one is enough. Zeros alone, and
 * what cannot be read, say nothing; where there is nothing else, nothing can be
 * lost either.
 */
async function belongsTo(reads: TolerantReads, { layout }: OpenBundle): Promise<boolean> {
  const files = [layout.chunkSums, ...layout.entries.filter(isBlob)];
  const step = Math.ceil(files.length / MAX_LOOKED_AT);
  let differs = false;
  for (const [at, file] of files.entries()) {
    if (at % step !== 0) continue;
    const header = headerOf(file).subarray(0, HEADER_BLOCK_SIZE);
    const came = await reads.read(file.headerPosition, header.length);
    if (came === undefined) continue;
    if (!came.every((byte, offset) => byte === 0 || byte === header[offset])) differs = true;
    else if (came.some((byte) => byte !== 0)) return true;
  }
  return !differs;
}
