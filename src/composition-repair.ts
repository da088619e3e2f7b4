import {
  encodeRequest,
  HEADER_BLOCK_SIZE,
  MAX_REQUEST_SIZE,
  PATCH_INDEX_PATH,
  parseRequest,
  statedSize,
} from "./bundle/format/index.js";
import {
  assertWritable,
  FileSink,
  FileSource,
  InPlaceWriter,
  openRandomMedium,
  parsePartName,
  type RandomMedium,
  stampOfReplaced,
} from "./bundle/index.js";
import type { BundlePaths, CommonOptions } from "./composition.js";
import { isSealiftError, quote, SealiftError } from "./errors/index.js";
import { acquireLock, readSmallFile, readSmallFileIfThere, replaceFile } from "./io/index.js";
import {
  type DamageReport,
  findDamage,
  type MakePatchResult,
  makePatch,
  type QuickVerifyResult,
  quickVerifyBundle,
  repairBundle,
} from "./operations/index.js";
import { isPartedSource } from "./ports/index.js";
import type { TrustPolicy } from "./signing/index.js";

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
  const { source } = await openAnywhere(paths, options);
  await using _source = source;
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
  await assertReplaceable(options.request, isRequest, "a request");
  const report = await search(paths, options);
  if (report.kind !== "whole" && report.request !== undefined) {
    await replaceFile(options.request, encodeRequest(report.request), 0o644);
  }
  return report;
}

/** What {@link makePatchFile} takes. */
export interface MakePatchFileOptions extends DamageOptions {
  /** The path of the request, as {@link findDamageInFile} writes it. */
  readonly request: string;
  /** The patch's path. A patch that is there is replaced once the new one is whole. */
  readonly output: string;
}

/**
 * Writes the bytes of a bundle that a request asks for into a patch.
 *
 * @throws SealiftError `LOCKED`; `FILE_EXISTS` if something else than a patch is
 * at `output`; as `openRandomMedium`, `parseRequest` and `makePatch`.
 */
export async function makePatchFile(paths: BundlePaths, options: MakePatchFileOptions): Promise<MakePatchResult> {
  const { output, trust } = options;
  const request = parseRequest(await readSmallFile(options.request, MAX_REQUEST_SIZE), quote(options.request));
  await assertWritable(output);
  await using _lock = await acquireLock(`${output}.lock`, "this patch");
  const stamp = await stampOfReplaced(output);
  await assertReplaceable(output, isPatch, "a patch");
  const { source } = await openAnywhere(paths, options);
  await using _source = source;
  return await makePatch({
    ...common(options),
    source,
    trust,
    request,
    openSink: async () => await FileSink.create(output, stamp),
  });
}

/** What {@link repairFile} takes. */
export interface RepairFileOptions extends DamageOptions {
  /** The path of the patch. */
  readonly patch: string;
}

/** What {@link repairFile} did, and what it found then. */
export interface RepairFileResult {
  /** How many bytes were written. */
  readonly written: number;
  /** What all of the bundle was found to be afterwards. */
  readonly report: DamageReport;
}

/**
 * Heals a damaged bundle in its place with a patch, and checks all of it. It can
 * be stopped and run again at any time.
 *
 * @throws SealiftError `LOCKED` if another run writes the bundle; as
 * `openRandomMedium`, `repairBundle` and `findDamage`; damage that is left is no
 * error, but in the result.
 */
export async function repairFile(paths: BundlePaths, options: RepairFileOptions): Promise<RepairFileResult> {
  const written = await heal(paths, options);
  // What was too short, or missing, has to be opened anew.
  return { written, report: await search(paths, options) };
}

async function heal(paths: BundlePaths, options: RepairFileOptions): Promise<number> {
  const { source } = await openAnywhere(paths, options, true);
  await using _source = source;
  const path = source.placeOf(0)?.path;
  if (path === undefined) throw insideAnother();
  const name = isPartedSource(source) ? parsePartName(path)?.name : undefined;
  await using _lock = await acquireLock(`${name ?? path}.lock`);
  const patch = await openAnywhere([options.patch], options);
  await using _patch = patch.source;
  return await repairBundle({
    ...common(options),
    source,
    trust: options.trust,
    patch: patch.source,
    openTarget: async () => new InPlaceWriter(source),
  });
}

function insideAnother(): SealiftError {
  return new SealiftError("USAGE", "expected a bundle that can be written where it lies, got one inside another file", {
    hint: "unpack it first, and repair what was unpacked",
  });
}

async function search(paths: BundlePaths, options: DamageOptions): Promise<DamageReport> {
  const { source } = await openAnywhere(paths, options, true);
  await using _source = source;
  return await findDamage({ ...common(options), source, trust: options.trust });
}

async function openAnywhere(paths: BundlePaths, options: CommonOptions, tolerant = false): Promise<RandomMedium> {
  const { onEvent, ...op } = common(options);
  const medium = await openRandomMedium(typeof paths === "string" ? [paths] : paths, { ...op, tolerant });
  for (const text of medium.notes) onEvent({ type: "step", text });
  return medium;
}

/** Whoever names a wrong file must not lose it. */
async function assertReplaceable(
  path: string,
  isOurs: (path: string) => Promise<boolean>,
  what: string,
): Promise<void> {
  if (await isOurs(path)) return;
  throw new SealiftError("FILE_EXISTS", `expected ${quote(path)} to be ${what} or nothing, got another file`, {
    hint: "choose another name, or move that file away",
  });
}

async function isRequest(path: string): Promise<boolean> {
  try {
    const bytes = await readSmallFileIfThere(path, MAX_REQUEST_SIZE);
    if (bytes !== undefined) parseRequest(bytes, quote(path));
    return true;
  } catch (error) {
    if (isSealiftError(error, "CONFIG_INVALID")) return false;
    throw error;
  }
}

async function isPatch(path: string): Promise<boolean> {
  try {
    await using source = await FileSource.open(path);
    const block = await source.read(0, Math.min(HEADER_BLOCK_SIZE, source.size));
    return statedSize(block, PATCH_INDEX_PATH) !== undefined;
  } catch (error) {
    if (isSealiftError(error, "FILE_NOT_FOUND")) return true;
    if (isSealiftError(error, "CONFIG_INVALID")) return false;
    throw error;
  }
}

function common({ signal, onEvent }: CommonOptions) {
  return { onEvent: onEvent ?? (() => undefined), ...(signal === undefined ? {} : { signal }) };
}
