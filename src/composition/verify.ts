import { type VerifyResult, verifyBundle, verifyStream } from "../operations/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { type BundlePaths, openForReading, type ReadingOptions } from "./opening.js";
import { common } from "./options.js";

/** What {@link verifyFile} takes. */
export interface VerifyFileOptions extends ReadingOptions {
  readonly trust: TrustPolicy;
  readonly deep?: boolean;
}

/**
 * Checks a bundle: its signature, its form, and every digest.
 *
 * @throws SealiftError as `openMedium` and `verifyBundle`.
 */
export async function verifyFile(paths: BundlePaths, options: VerifyFileOptions): Promise<VerifyResult> {
  const medium = await openForReading(paths, options);
  await using _source = medium.source;
  const given = { ...common(options), trust: options.trust, deep: options.deep ?? false };
  return medium.kind === "random"
    ? await verifyBundle({ ...given, source: medium.source })
    : await verifyStream({ ...given, source: medium.source });
}
