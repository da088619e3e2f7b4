import {
  BUNDLE_INDEX_PATH,
  type BundleForm,
  formAt,
  formMark,
  MAX_INDEX_SIZE,
  planForm,
  SIGNATURE_PATH,
} from "../../bundle/format/index.js";
import { isSealiftError, SealiftError } from "../../errors/index.js";
import { digestHex, digestOf } from "../../oci/index.js";
import type { RandomAccessSource } from "../../ports/index.js";
import type { TrustPolicy } from "../../signing/index.js";
import { readStatedFile } from "../read/bundle-form.js";
import { SourceReader } from "../read/bundle-reader.js";
import { type BundleHead, inForm, MAX_SIGNATURE_SIZE, type OpenBundle, readHead } from "../read/open-bundle.js";
import { TolerantReads } from "./tolerant-reads.js";

/** A bundle that may be damaged; without its head, nothing is known of it but why that cannot be read. */
export type DamagedBundle =
  | { readonly kind: "open"; readonly bundle: OpenBundle }
  | { readonly kind: "headless"; readonly reason: SealiftError };

/**
 * Opens a bundle as `openBundle` does; but where its head is damaged, that is no error.
 *
 * @throws SealiftError `KEY_MISSING`, `SIGNATURE_INVALID` (the head is whole, and
 * signed by somebody else), `BUNDLE_INVALID` (it is no bundle, or of another version).
 */
export async function openDamaged(source: RandomAccessSource, trust: TrustPolicy): Promise<DamagedBundle> {
  let head: BundleHead;
  try {
    head = await readHead(new SourceReader(source), trust);
  } catch (error) {
    if (!isSealiftError(error) || isSealiftError(error, "KEY_MISSING")) throw error;
    if (await isHeadWhole(source)) throw error;
    if (!(await hasTraces(source))) throw error;
    return { kind: "headless", reason: error };
  }
  // Whoever asks for no signature has only this to tell a changed index from a good one.
  if (trust.kind === "allow-unsigned" && !(await isHeadWhole(source))) {
    const reason = new SealiftError("BUNDLE_INVALID", "expected the signature in two forms, got two signatures");
    return { kind: "headless", reason };
  }
  return { kind: "open", bundle: inForm(source, head, await guessForm(source, head)) };
}

/**
 * Whether the index and the signature are those that the Sigstore bundle after
 * them was made of. Then whatever is wrong with them is not damage.
 */
async function isHeadWhole(source: RandomAccessSource): Promise<boolean> {
  try {
    const reader = new SourceReader(source);
    const index = await readStatedFile(reader, BUNDLE_INDEX_PATH, MAX_INDEX_SIZE);
    const signature = await readStatedFile(reader, SIGNATURE_PATH, MAX_SIGNATURE_SIZE, index.file);
    const parts = sigstoreParts(index.bytes, signature.bytes);
    const after = Buffer.from(await reader.peek(MAX_SIGSTORE_REACH)).toString("latin1");
    return parts.every((part) => after.includes(part));
  } catch (error) {
    if (isSealiftError(error)) return false;
    throw error;
  }
}

// Padding, a header of one block, and a Sigstore bundle, which takes some 400 bytes.
const MAX_SIGSTORE_REACH = 4096;

function sigstoreParts(index: Uint8Array, signature: Uint8Array): readonly string[] {
  return [Buffer.from(digestHex(digestOf(index)), "hex").toString("base64"), Buffer.from(signature).toString("base64")];
}

// How far a bundle is looked at that does not begin as one, in bytes.
const TRACE_REACH = 64 * 1024;
// The headers of Sealift's own files and of blobs, whose paths the index has, too,
// and what it says of each image; no manifest or index of an image says these.
const TRACES = ["sealift/", "blobs/sha", '"requested": "'];

/** Whether a file may be a bundle whose first bytes are damaged. Whether it is the one that a patch is for shows later. */
async function hasTraces(source: RandomAccessSource): Promise<boolean> {
  const bytes = await new TolerantReads(source).read(0, Math.min(TRACE_REACH, source.size));
  if (bytes === undefined) return true;
  return bytes.every((byte) => byte === 0) || TRACES.some((trace) => Buffer.from(bytes).includes(trace));
}

// Where the header that tells the forms apart is damaged or missing, the size decides.
async function guessForm(source: RandomAccessSource, { sizes, index }: BundleHead): Promise<BundleForm> {
  const mark = formMark(sizes, index);
  if (mark === undefined) return "full";
  const came = await new TolerantReads(source).read(mark.position, mark.header.length);
  if (came !== undefined && formAt(mark, came) === "full") return "full";
  return source.size > planForm(sizes, index, "delta").size ? "full" : "delta";
}
