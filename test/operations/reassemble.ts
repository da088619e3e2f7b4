import type { BundleForm, BundleIndex, BundleLayout } from "../../src/bundle/format/index.js";
import type { TestKeys } from "../support/keys.js";
import { assembleBundle, signIndex } from "./assemble-bundle.js";

/** A bundle that is good. */
export interface GoodBundle {
  readonly bytes: Buffer;
  readonly layout: BundleLayout;
}

/** A bundle of a good one's entries, by their places or with other contents, with another index or another signer. */
export async function reassemble(
  good: GoodBundle,
  changed: BundleIndex,
  keys: TestKeys,
  contents: ReadonlyMap<string, Buffer> = new Map(),
  form: BundleForm = "full",
): Promise<Buffer> {
  return await assembleBundle(signIndex(changed, keys), form, (file, at) => {
    const original = good.layout.entries.find(({ path }) => path === file.path) ?? good.layout.entries[at];
    if (original === undefined) return undefined;
    const { position, size } = original;
    return contents.get(file.path) ?? good.bytes.subarray(position, position + size);
  });
}
