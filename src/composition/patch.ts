import {
  HEADER_BLOCK_SIZE,
  MAX_REQUEST_SIZE,
  PATCH_INDEX_PATH,
  parseRequest,
  statedSize,
} from "../bundle/format/index.js";
import { assertNotRead, assertWritable, FileSink, FileSource, stampOfReplaced } from "../bundle/index.js";
import { isSealiftError, quote } from "../errors/index.js";
import { acquireLock, readSmallFile } from "../io/index.js";
import { type MakePatchResult, makePatch } from "../operations/index.js";
import type { DamageOptions } from "./damage.js";
import { type BundlePaths, listOf, openAnywhere } from "./opening.js";
import { common } from "./options.js";
import { assertReplaceable } from "./replaceable.js";

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
  assertReplaceable(output, await isPatch(output), "a patch");
  await using source = await openAnywhere(paths, options);
  await assertNotRead(
    output,
    listOf(paths).map((path) => ({ path, source })),
  );
  return await makePatch({
    ...common(options),
    source,
    trust,
    request,
    openSink: async () => await FileSink.create(output, stamp),
  });
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
