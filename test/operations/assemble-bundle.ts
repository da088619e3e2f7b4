import {
  type BundleForm,
  type BundleIndex,
  ChunkSummer,
  encodeBundleIndex,
  headerOf,
  type PlacedFile,
  planForm,
} from "../../src/bundle/format/index.js";
import { digestOf } from "../../src/oci/index.js";
import { sigstoreBundle } from "../../src/signing/index.js";
import type { TestKeys } from "../support/keys.js";

/** An index that somebody signed. Two forms of one bundle share one signature: another one would be other bytes. */
export interface SignedIndex {
  readonly index: BundleIndex;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

export function signIndex(index: BundleIndex, { signer }: TestKeys): SignedIndex {
  const bytes = encodeBundleIndex(index);
  return { index, bytes, signature: signer.sign(bytes) };
}

/**
 * Writes the bundle that follows from an index, whatever the index says.
 *
 * @param contentOf - The content of the entry at a place; what has none stays zeros, and has no chunk sums.
 */
export async function assembleBundle(
  { index, bytes, signature }: SignedIndex,
  form: BundleForm,
  contentOf: (file: PlacedFile, at: number) => Uint8Array | undefined,
): Promise<Buffer> {
  const sigstore = sigstoreBundle(signature, digestOf(bytes), index.keyId);
  const sizes = { index: bytes.length, signature: signature.length, sigstoreBundle: sigstore.length };
  const layout = planForm(sizes, index, form);
  const bundle = Buffer.alloc(layout.size);
  const put = (file: PlacedFile, content: Uint8Array): void => {
    bundle.set(headerOf(file), file.headerPosition);
    bundle.set(content.subarray(0, file.size), file.position);
  };
  put(layout.index, bytes);
  put(layout.signature, signature);
  put(layout.sigstoreBundle, sigstore);
  const summer = await ChunkSummer.create(layout.entries);
  for (const [at, file] of layout.entries.entries()) {
    const content = contentOf(file, at);
    if (content === undefined) continue;
    put(file, content);
    summer.update(at, 0, bundle.subarray(file.position, file.position + file.size));
  }
  put(layout.chunkSums, summer.finish());
  return bundle;
}
