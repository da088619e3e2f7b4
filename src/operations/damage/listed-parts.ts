import { isListedSource } from "../../ports/index.js";
import type { OpenBundle } from "../read/open-bundle.js";

/**
 * Refuses parts that are not placed where this bundle has them: nobody signs the
 * list that lies beside them, and it may be of another bundle, or of an older one.
 *
 * @throws SealiftError `BUNDLE_INVALID`.
 */
export function assertPartsOf(
  source: object,
  { indexDigest, layout }: Pick<OpenBundle, "indexDigest" | "layout">,
): void {
  if (!isListedSource(source)) return;
  const error = source.listError(indexDigest, layout.size);
  if (error !== undefined) throw error;
}
