import { type InspectResult, inspectBundle, inspectStream } from "../operations/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { type BundlePaths, openForReading, type ReadingOptions } from "./opening.js";

/**
 * Reads what a bundle says of itself.
 *
 * @throws SealiftError as `openMedium` and `inspectBundle`.
 */
export async function inspectFile(
  paths: BundlePaths,
  trust: TrustPolicy,
  options: ReadingOptions = {},
): Promise<InspectResult> {
  const medium = await openForReading(paths, options);
  await using _source = medium.source;
  return medium.kind === "random"
    ? await inspectBundle(medium.source, trust)
    : await inspectStream(medium.source, trust);
}
