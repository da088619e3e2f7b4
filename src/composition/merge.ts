import { assertNotRead, assertWritable, BundlePlace, type ReadBundle } from "../bundle/index.js";
import { SealiftError } from "../errors/index.js";
import { acquireLock } from "../io/index.js";
import { type MergeResult, mergeBundles, readReplaced } from "../operations/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { openAnywhere } from "./opening.js";
import { type CommonOptions, common } from "./options.js";
import { type OutputOptions, sayingHowToGoOn, type WrittenBundle } from "./writing.js";

// One blob is read while another one is written; more would make a disk seek.
const MERGE_CONCURRENCY = 2;

/** What {@link mergeFiles} takes. */
export interface MergeFilesOptions extends CommonOptions, OutputOptions {
  readonly trust: TrustPolicy;
}

/** What {@link mergeFiles} made. */
export interface MergeFilesResult extends MergeResult, WrittenBundle {}

/**
 * Puts a delta and what it leaves out together into a whole bundle, under the
 * delta's own index and signature.
 *
 * @param bundles - Where the bundles lie that have what the delta leaves out, and last the delta.
 * @throws SealiftError `LOCKED` if another run writes the same file, `USAGE` if
 * the output is one of the bundles, `FILE_EXISTS` as {@link exportToFile}; as
 * `openMedium` and `mergeBundles`.
 */
export async function mergeFiles(bundles: readonly string[], options: MergeFilesOptions): Promise<MergeFilesResult> {
  const { output, volumeSize, verifyWrite, trust } = options;
  const last = bundles.at(-1);
  if (last === undefined || bundles.length < 2) {
    throw new SealiftError("USAGE", `expected at least two bundles to merge, got ${bundles.length}`, {
      hint: "name what the delta was made since, and last the delta",
    });
  }
  await assertWritable(output);
  await using _lock = await acquireLock(`${output}.lock`);
  await using bases = new OpenBundles();
  for (const path of bundles.slice(0, -1)) bases.add(path, await openAnywhere(path, options));
  await using delta = await openAnywhere(last, options);
  await assertNotRead(output, [...bases.opened, { path: last, source: delta }]);
  await using place = await BundlePlace.open(output, volumeSize);
  if (place.replaced !== undefined) await readReplaced(place.replaced, output);
  const result = await sayingHowToGoOn(async (opened) =>
    mergeBundles({
      ...common(options),
      bases: bases.opened.map(({ path, source }) => ({ name: path, source })),
      delta: { name: last, source: delta },
      trust,
      concurrency: MERGE_CONCURRENCY,
      // Windows replaces no file that is open.
      closeLocal: () => place.closeReplaced(),
      verifyWrite: verifyWrite ?? false,
      openSink: async () => opened(await place.createSink()),
    }),
  );
  return { ...result, volumes: place.volumes, safeToRemove: place.isDurable };
}

/** Bundles that are closed together. */
class OpenBundles implements AsyncDisposable {
  readonly opened: ReadBundle[] = [];

  add(path: string, source: ReadBundle["source"]): void {
    this.opened.push({ path, source });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { source } of this.opened) await source[Symbol.asyncDispose]();
  }
}
