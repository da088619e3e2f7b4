import { type DiffResult, diffBundles } from "../operations/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { openAnywhere } from "./opening.js";
import { type CommonOptions, common } from "./options.js";

/** What {@link diffFiles} takes. */
export interface DiffFilesOptions extends CommonOptions {
  readonly trust: TrustPolicy;
}

/**
 * Says what changed from one bundle to another.
 *
 * @throws SealiftError as `diffBundles`.
 */
export async function diffFiles(before: string, after: string, options: DiffFilesOptions): Promise<DiffResult> {
  await using from = await openAnywhere(before, options);
  await using to = await openAnywhere(after, options);
  return await diffBundles({
    ...common(options),
    before: { name: before, source: from },
    after: { name: after, source: to },
    trust: options.trust,
  });
}
