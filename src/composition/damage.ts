import { encodeRequest, MAX_REQUEST_SIZE, parseRequest } from "../bundle/format/index.js";
import { replaceFile } from "../io/index.js";
import { type DamageReport, findDamage, type QuickVerifyResult, quickVerifyBundle } from "../operations/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { type BundlePaths, openAnywhere } from "./opening.js";
import { type CommonOptions, common } from "./options.js";
import { assertDocumentReplaceable } from "./replaceable.js";

/** What the functions take that look for damage. */
export interface DamageOptions extends CommonOptions {
  readonly trust: TrustPolicy;
}

/**
 * Looks for damage in a bundle at the speed of the medium. It proves nothing of the digests.
 *
 * @throws SealiftError as `openRandomMedium` and `quickVerifyBundle`; damage is no error, but in the result.
 */
export async function quickVerifyFile(paths: BundlePaths, options: DamageOptions): Promise<QuickVerifyResult> {
  await using source = await openAnywhere(paths, options);
  return await quickVerifyBundle({ ...common(options), source, trust: options.trust });
}

/** What {@link findDamageInFile} takes. */
export interface FindDamageInFileOptions extends DamageOptions {
  /** Where the request for what is damaged is written, if anything is. A request that is there is replaced. */
  readonly request: string;
}

/**
 * Checks a bundle as `verifyFile` does, but goes on after what is wrong, and
 * writes down which bytes would make it whole. Parts may be missing.
 *
 * @throws SealiftError `FILE_EXISTS` if something else than a request is in its
 * place; as `openRandomMedium` and `findDamage`; damage is no error, but in the result.
 */
export async function findDamageInFile(paths: BundlePaths, options: FindDamageInFileOptions): Promise<DamageReport> {
  await assertDocumentReplaceable(options.request, MAX_REQUEST_SIZE, parseRequest, "a request");
  const report = await searchDamage(paths, options);
  if (report.kind !== "whole" && report.request !== undefined) {
    await replaceFile(options.request, encodeRequest(report.request), 0o644);
  }
  return report;
}

/** Looks for damage in all of a bundle, parts of which may be missing. */
export async function searchDamage(paths: BundlePaths, options: DamageOptions): Promise<DamageReport> {
  await using source = await openAnywhere(paths, options, true);
  return await findDamage({ ...common(options), source, trust: options.trust });
}
