import {
  type BundleForm,
  type BundleIndex,
  type BundleLayout,
  ChunkSummer,
  encodeBundleIndex,
  headerOf,
  type PlacedFile,
  planForm,
} from "../../src/bundle/format/index.js";
import { digestOf } from "../../src/oci/index.js";
import { sigstoreBundle } from "../../src/signing/index.js";
import type { TestKeys } from "../support/keys.js";

/** A bundle that is good. */
export interface GoodBundle {
  readonly bytes: Buffer;
  readonly layout: BundleLayout;
}

/** A bundle of a good one's entries, by their places or with other contents, with another index or another signer. */
export async function reassemble(
  good: GoodBundle,
  changed: BundleIndex,
  { signer }: TestKeys,
  contents: ReadonlyMap<string, Buffer> = new Map(),
  form: BundleForm = "full",
): Promise<Buffer> {
  const bytes = encodeBundleIndex(changed);
  const signature = signer.sign(bytes);
  const sigstore = sigstoreBundle(signature, digestOf(bytes), changed.keyId);
  const sizes = { index: bytes.length, signature: signature.length, sigstoreBundle: sigstore.length };
  const placed = planForm(sizes, changed, form);
  const bundle = Buffer.alloc(placed.size);
  const put = (file: PlacedFile, content: Uint8Array): void => {
    bundle.set(headerOf(file), file.headerPosition);
    bundle.set(content.subarray(0, file.size), file.position);
  };
  put(placed.index, bytes);
  put(placed.signature, signature);
  put(placed.sigstoreBundle, sigstore);
  const summer = await ChunkSummer.create(placed.entries);
  for (const [at, file] of placed.entries.entries()) {
    const original = good.layout.entries.find(({ path }) => path === file.path) ?? good.layout.entries[at];
    if (original === undefined) continue;
    const { position, size } = original;
    put(file, contents.get(file.path) ?? good.bytes.subarray(position, position + size));
    summer.update(at, 0, bundle.subarray(file.position, file.position + file.size));
  }
  put(placed.chunkSums, summer.finish());
  return bundle;
}
