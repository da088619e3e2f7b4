import {
  type Medium,
  type OpenMediumOptions,
  openMedium,
  openRandomMedium,
  type RandomMedium,
} from "../bundle/index.js";
import { type CommonOptions, common } from "./options.js";

/**
 * Where a bundle lies: its file, its parts in any order, its volumes file,
 * folders or ZIPs that hold these, a bundle that is compressed as a whole, or `-`.
 */
export type BundlePaths = string | readonly string[];

/** What every operation takes that reads a bundle, be it one that comes by once. */
export interface ReadingOptions extends CommonOptions, Pick<OpenMediumOptions, "stdin" | "volumePrompt"> {}

/** Opens the bundle that is to be read, and tells the user what is special about that. */
export async function openForReading(paths: BundlePaths, options: ReadingOptions): Promise<Medium> {
  return noted(await openMedium(listOf(paths), options), options);
}

/**
 * Opens a bundle that must be readable anywhere in it, and tells the user what is special about that.
 *
 * @param tolerant - Whether parts may be missing or cut off.
 */
export async function openAnywhere(
  paths: BundlePaths,
  options: CommonOptions,
  tolerant = false,
): Promise<RandomMedium["source"]> {
  const { signal } = options;
  return noted(await openRandomMedium(listOf(paths), { ...(signal && { signal }), tolerant }), options).source;
}

export function listOf(paths: BundlePaths): readonly string[] {
  return typeof paths === "string" ? [paths] : paths;
}

function noted<M extends Medium>(medium: M, options: CommonOptions): M {
  const { onEvent } = common(options);
  for (const text of medium.notes) onEvent({ type: "step", text });
  return medium;
}
