import * as z from "zod";
import { SealiftError } from "../../errors/index.js";
import { type Digest, digestSchema, listOf, parseJson, sizeSchema } from "../../oci/index.js";
import { areWithin, type ByteRange, MAX_RANGES } from "./byte-ranges.js";

/** The version of requests and patches that docs/format.md describes. */
const FORMAT_VERSION = 1;

/** The largest request, in bytes: its ranges take less than 64 each. */
export const MAX_REQUEST_SIZE = 512 * 1024;

/**
 * What the far side asks the near side for. `head`: the files up to the first
 * entry, since without them nothing else is known of the bundle. `ranges`: what
 * is damaged or missing.
 */
export type DamageRequest =
  | { readonly formatVersion: typeof FORMAT_VERSION; readonly kind: "head" }
  | {
      readonly formatVersion: typeof FORMAT_VERSION;
      readonly kind: "ranges";
      /** The digest of the bundle's signed index. */
      readonly index: Digest;
      /** Of the bundle, in bytes. */
      readonly size: number;
      /** Sorted and apart from each other; from 1 to {@link MAX_RANGES}. */
      readonly ranges: readonly ByteRange[];
    };

const rangeSchema = z.strictObject({ position: sizeSchema, length: sizeSchema });

const requestSchema = z.discriminatedUnion("kind", [
  z.strictObject({ formatVersion: z.literal(FORMAT_VERSION), kind: z.literal("head") }),
  z.strictObject({
    formatVersion: z.literal(FORMAT_VERSION),
    kind: z.literal("ranges"),
    index: digestSchema,
    size: sizeSchema,
    ranges: listOf(rangeSchema),
  }),
]);

/** The request for the files up to the first entry. */
export const HEAD_REQUEST: DamageRequest = { formatVersion: FORMAT_VERSION, kind: "head" };

/** @param ranges - As {@link mergeRanges} makes them. */
export function rangesRequest(index: Digest, size: number, ranges: readonly ByteRange[]): DamageRequest {
  return { formatVersion: FORMAT_VERSION, kind: "ranges", index, size, ranges };
}

/** Writes a line for each range, so that a person can look at it. */
export function encodeRequest(request: DamageRequest): Uint8Array {
  const { formatVersion, kind } = request;
  if (kind === "head") return Buffer.from(`${JSON.stringify({ formatVersion, kind })}\n`);
  const { index, size } = request;
  const lines = request.ranges.map(({ position, length }) => `  ${JSON.stringify({ position, length })}`);
  const start = JSON.stringify({ formatVersion, kind, index, size }).slice(0, -1);
  return Buffer.from(`${start}, "ranges": [\n${lines.join(",\n")}\n]}\n`);
}

/**
 * Reads a request, of at most {@link MAX_REQUEST_SIZE} bytes.
 *
 * @param what - Names it in errors.
 * @throws SealiftError `CONFIG_INVALID` if it is none, or its ranges are out of
 * order, overlap, lead out of the bundle, or are too many.
 */
export function parseRequest(bytes: Uint8Array, what: string): DamageRequest {
  const request = parseJson<DamageRequest>(bytes, requestSchema, what, "CONFIG_INVALID");
  if (request.kind === "head") return request;
  const { ranges, size } = request;
  if (ranges.length >= 1 && ranges.length <= MAX_RANGES && areWithin(ranges, size)) return request;
  throw new SealiftError(
    "CONFIG_INVALID",
    `expected ${what} to ask for 1 to ${MAX_RANGES} ranges in order, apart from each other, within ${size} bytes, got ${ranges.length} that are not so`,
    { hint: "write it anew with sealift verify BUNDLE --damage" },
  );
}
