import { type BundleEntry, type BundleLayout, headerOf, planLayout } from "../../../src/bundle/format/index.js";

/** The files that come before the entries. */
export interface Preamble {
  readonly index: Uint8Array;
  readonly signature: Uint8Array;
  readonly sigstoreBundle: Uint8Array;
}

/** A whole bundle, put together as its layout says: what nothing is written to stays zero. */
export function assemble(
  preamble: Preamble,
  entries: readonly BundleEntry[],
  contents: readonly Uint8Array[],
): { readonly tar: Buffer; readonly layout: BundleLayout } {
  const { index, signature, sigstoreBundle } = preamble;
  const sizes = { index: index.length, signature: signature.length, sigstoreBundle: sigstoreBundle.length };
  const layout = planLayout(sizes, entries);
  const tar = Buffer.alloc(layout.size);
  const files = [layout.index, layout.signature, layout.sigstoreBundle, ...layout.entries];
  for (const [at, bytes] of [index, signature, sigstoreBundle, ...contents].entries()) {
    const file = files[at]!;
    tar.set(headerOf(file), file.headerPosition);
    tar.set(bytes, file.position);
  }
  return { tar, layout };
}
