import { type BundleForm, type BundleIndex, planForm } from "../bundle/format/index.js";
import type { Digest } from "../oci/index.js";
import type { RandomAccessSource, SequentialSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { type DeltaSummary, summarizeDelta } from "./delta/left-out.js";
import { type BundleHead, openBundle, readHead } from "./read/open-bundle.js";

/** What a bundle's index says. */
export interface InspectResult {
  readonly index: BundleIndex;
  readonly indexDigest: Digest;
  /** The key that signed; undefined if no signature was asked for. */
  readonly signedBy: string | undefined;
  /** What the bundle leaves out; undefined if it is no delta. */
  readonly delta: DeltaSummary | undefined;
  /** The size that the index determines, in bytes. */
  readonly size: number;
  /** The size that the file has, in bytes; undefined of a pipe. */
  readonly fileSize: number | undefined;
}

/**
 * Reads what a bundle says of itself. Nothing but the signature is checked.
 *
 * @throws SealiftError as `openBundle`.
 */
export async function inspectBundle(source: RandomAccessSource, trust: TrustPolicy): Promise<InspectResult> {
  const { form, ...head } = await openBundle(source, trust);
  return describeHead(head, form, source.size);
}

/**
 * Reads what a bundle that comes through a pipe says of itself, and nothing that
 * follows. A delta is taken to leave out what its index says.
 *
 * @throws SealiftError as `openBundle`; or what the source fails with.
 */
export async function inspectStream(source: SequentialSource, trust: TrustPolicy): Promise<InspectResult> {
  const head = await readHead(source, trust);
  return describeHead(head, head.index.delta === undefined ? "full" : "delta", undefined);
}

function describeHead(
  { index, indexDigest, signedBy, sizes }: BundleHead,
  form: BundleForm,
  fileSize: number | undefined,
): InspectResult {
  const { size } = planForm(sizes, index, form);
  return { index, indexDigest, signedBy: signedBy?.keyId, delta: summarizeDelta(index, form), size, fileSize };
}
