import type { BundleIndex } from "../bundle/format/index.js";
import type { Digest } from "../oci/index.js";
import type { RandomAccessSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { openBundle } from "./open-bundle.js";

/** What a bundle's index says. */
export interface InspectResult {
  readonly index: BundleIndex;
  readonly indexDigest: Digest;
  /** The key that signed; undefined if no signature was asked for. */
  readonly signedBy: string | undefined;
  /** The size that the index determines, in bytes. */
  readonly size: number;
  /** The size that the file has, in bytes. */
  readonly fileSize: number;
}

/**
 * Reads what a bundle says of itself. Nothing but the signature is checked.
 *
 * @throws SealiftError as `openBundle`.
 */
export async function inspectBundle(source: RandomAccessSource, trust: TrustPolicy): Promise<InspectResult> {
  const { index, indexDigest, signedBy, layout } = await openBundle(source, trust);
  return { index, indexDigest, signedBy: signedBy?.keyId, size: layout.size, fileSize: source.size };
}
