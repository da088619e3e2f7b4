import {
  type BundleEntry,
  type BundleLayout,
  ChunkSummer,
  filesOf,
  headerOf,
  planLayout,
} from "../../../src/bundle/format/index.js";

/** The files that come before the entries. */
export interface Preamble {
  readonly index: Uint8Array;
  readonly signature: Uint8Array;
  readonly sigstoreBundle: Uint8Array;
}

/** A whole bundle, put together as its layout says: what nothing is written to stays zero. */
export async function assemble(
  preamble: Preamble,
  entries: readonly BundleEntry[],
  contents: readonly Uint8Array[],
): Promise<{ readonly tar: Buffer; readonly layout: BundleLayout }> {
  const { index, signature, sigstoreBundle } = preamble;
  const sizes = { index: index.length, signature: signature.length, sigstoreBundle: sigstoreBundle.length };
  const layout = planLayout(sizes, entries);
  const tar = Buffer.alloc(layout.size);
  const files = filesOf(layout);
  const summer = await ChunkSummer.create(entries);
  for (const [entry, bytes] of contents.entries()) summer.update(entry, 0, bytes);
  for (const [at, bytes] of [index, signature, sigstoreBundle, ...contents, summer.finish()].entries()) {
    const file = files[at]!;
    tar.set(headerOf(file), file.headerPosition);
    tar.set(bytes, file.position);
  }
  return { tar, layout };
}
