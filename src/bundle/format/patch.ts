import * as z from "zod";
import { SealiftError } from "../../errors/index.js";
import { type Digest, digestSchema, listOf, parseJson, sizeSchema } from "../../oci/index.js";
import { END_OF_ARCHIVE_SIZE } from "../../tar/index.js";
import { areWithin, type ByteRange, MAX_RANGES } from "./byte-ranges.js";
import { type PlacedFile, placeFile, positionAfter } from "./layout.js";

/** The version of requests and patches that docs/format.md describes. */
const FORMAT_VERSION = 1;

/** The first file of a patch: it says what the others are. */
export const PATCH_INDEX_PATH = "sealift/patch.json";

/** The largest `sealift/patch.json`, in bytes: its ranges take less than 160 each. */
export const MAX_PATCH_INDEX_SIZE = 1024 * 1024;

/** Bytes of a bundle that a patch holds. */
export interface PatchRange extends ByteRange {
  /** Of these bytes, in hexadecimal. */
  readonly sha256: string;
}

/** What a patch holds. Nobody signs it: what it is good for shows when a bundle is whole with it. */
export interface PatchIndex {
  readonly formatVersion: typeof FORMAT_VERSION;
  /** The digest of the signed index of the bundle that it is for. */
  readonly index: Digest;
  /** Of that bundle, in bytes. */
  readonly size: number;
  /** Sorted and apart from each other; from 1 to {@link MAX_RANGES}. */
  readonly ranges: readonly PatchRange[];
}

/** Where everything lies in a patch. */
export interface PatchLayout {
  readonly index: PlacedFile;
  /** One for each range, in their order. */
  readonly ranges: readonly PlacedFile[];
  readonly endPosition: number;
  /** In bytes. */
  readonly size: number;
}

const patchSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  index: digestSchema,
  size: sizeSchema,
  ranges: listOf(
    z.strictObject({
      position: sizeSchema,
      length: sizeSchema,
      sha256: z.string().regex(/^[0-9a-f]{64}$/, { error: "expected a SHA-256 in 64 hexadecimal digits" }),
    }),
  ),
});

/** Its length follows from all but the sums, which are all of one length. */
export function encodePatchIndex({ index, size, ranges }: Omit<PatchIndex, "formatVersion">): Uint8Array {
  const plain = ranges.map(({ position, length, sha256 }) => ({ position, length, sha256 }));
  return Buffer.from(
    `${JSON.stringify({ formatVersion: FORMAT_VERSION, index, size, ranges: plain }, undefined, 1)}\n`,
  );
}

/**
 * Reads a `sealift/patch.json`, of at most {@link MAX_PATCH_INDEX_SIZE} bytes.
 *
 * @throws SealiftError `BUNDLE_INVALID` if it is none, or its ranges are out of
 * order, overlap, lead out of the bundle, or are too many.
 */
export function parsePatchIndex(bytes: Uint8Array): PatchIndex {
  const patch = parseJson<PatchIndex>(bytes, patchSchema, PATCH_INDEX_PATH, "BUNDLE_INVALID");
  const { ranges, size } = patch;
  if (ranges.length >= 1 && ranges.length <= MAX_RANGES && areWithin(ranges, size)) return patch;
  throw new SealiftError(
    "BUNDLE_INVALID",
    `expected ${PATCH_INDEX_PATH} to have 1 to ${MAX_RANGES} ranges in order, apart from each other, within ${size} bytes, got ${ranges.length} that are not so`,
    { hint: "do not use this patch: sealift patch did not make it" },
  );
}

/** Places every file of a patch: as in a bundle, each is a header, its bytes, and zeros up to the next block. */
export function planPatch(indexSize: number, ranges: readonly ByteRange[]): PatchLayout {
  const index = placeFile(PATCH_INDEX_PATH, indexSize, 0);
  let endPosition = positionAfter(index);
  const placed = ranges.map(({ position, length }) => {
    const file = placeFile(`sealift/ranges/${position}`, length, endPosition);
    endPosition = positionAfter(file);
    return file;
  });
  return { index, ranges: placed, endPosition, size: endPosition + END_OF_ARCHIVE_SIZE };
}
