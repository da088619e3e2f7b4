import type { FileHandle } from "node:fs/promises";
import type { RawManifest } from "../../src/oci/index.js";
import { exportImages, nextIdentity } from "../../src/operations/index.js";
import type { ImageSource, RandomAccessSink, Signer } from "../../src/ports/index.js";

/** What {@link exportSparse} takes. */
export interface SparseExport {
  readonly image: RawManifest;
  readonly fetchBlob: ImageSource["fetchBlob"];
  readonly signer: Signer;
  /** What the bundle goes into; the caller closes it. */
  readonly file: FileHandle;
  /** May leave out what is zeros. */
  readonly write: RandomAccessSink["write"];
}

/** Exports `app:1` into a file with holes, which takes no room for a layer of many gigabytes. */
export async function exportSparse({ image, fetchBlob, signer, file, write }: SparseExport): Promise<void> {
  const source: ImageSource = {
    resolve: async () => image.descriptor,
    fetchManifest: async () => image,
    fetchBlob,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const sink: RandomAccessSink = {
    order: "any",
    allocate: (size) => file.truncate(size),
    write,
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  await exportImages({
    images: ["app:1"],
    platforms: "all",
    referrers: true,
    concurrency: 1,
    identity: nextIdentity("sparse", new Date(), undefined),
    signer: Promise.resolve(signer),
    openSource: async () => source,
    openSink: async () => sink,
    onEvent: () => undefined,
  });
}
