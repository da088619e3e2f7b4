import { SealiftError } from "../../errors/index.js";
import { blobsInOrder } from "../graph/entry-order.js";
import { graphsOf } from "../graph/referrer-graph.js";
import { type BundleContent, isBlob } from "./bundle-content.js";
import { assertDocuments, type WalkedImage } from "./documents.js";
import type { ReadableBundle } from "./open-bundle.js";

/**
 * Reads everything above the layers: every image must be whole, and the documents
 * for other readers must name these images, and nothing else may be there.
 *
 * @throws SealiftError as `BundleContent.walk` and `assertDocuments`; or the signal's reason.
 */
export async function walkImages(
  bundle: ReadableBundle,
  content: BundleContent,
  signal: AbortSignal | undefined,
): Promise<readonly WalkedImage[]> {
  const images: WalkedImage[] = [];
  for (const image of bundle.index.images) {
    signal?.throwIfAborted();
    images.push(await content.walk(image));
  }
  assertDocuments(bundle, images);
  assertNothingElse(bundle, images);
  return images;
}

/**
 * Content that no image leads to has no business in a bundle: nobody would ever
 * look at it, but those who know. What is left out must have been needed, too.
 * And all is in its place, or whoever reads a pipe could not do without keeping layers.
 */
function assertNothingElse({ index }: ReadableBundle, images: readonly WalkedImage[]): void {
  const leftOut = new Set(index.delta?.leftOut.map(({ digest }) => digest));
  const expected = blobsInOrder(images.flatMap(graphsOf), leftOut);
  const needed = new Set(expected.map(({ digest }) => digest));
  const blobs = index.entries.filter((entry) => isBlob({ entry }));
  const other = blobs.find(({ digest }) => !needed.has(digest));
  if (other !== undefined) throw strangeBundle("every entry to belong to an image", other.path);
  const misplaced = blobs.find(({ digest }, at) => digest !== expected[at]?.digest);
  if (misplaced !== undefined) throw strangeBundle("all entries in their order", `${misplaced.path} out of place`);
}

function strangeBundle(expected: string, came: string): SealiftError {
  return new SealiftError("BUNDLE_INVALID", `expected ${expected}, got ${came}`, {
    hint: "do not use this bundle: whoever signed it did not make it with Sealift",
  });
}
