import { parseDestination, type Reference } from "../oci/index.js";
import { type ImportResult, importBundle, importStream } from "../operations/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { type BundlePaths, openForReading, type ReadingOptions } from "./opening.js";
import { common, DEFAULT_CONCURRENCY, openClient, type RegistryOptions } from "./options.js";

/** What {@link importFile} takes. */
export interface ImportFileOptions extends RegistryOptions, ReadingOptions {
  readonly trust: TrustPolicy;
  /** `REGISTRY` or `REGISTRY/PREFIX`. */
  readonly to: string;
  readonly dryRun?: boolean;
  /** How many uploads run at the same time. */
  readonly concurrency?: number;
}

/**
 * Checks a bundle and sends its images to a registry.
 *
 * @throws SealiftError as `openMedium` and `importBundle`.
 */
export async function importFile(paths: BundlePaths, options: ImportFileOptions): Promise<ImportResult> {
  const to = parseDestination(options.to);
  const medium = await openForReading(paths, options);
  await using _source = medium.source;
  await using client = await openClient(options);
  const given = {
    ...common(options),
    trust: options.trust,
    to,
    dryRun: options.dryRun ?? false,
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    openDestination: async ({ registry, repository }: Reference) => client.repository(registry, repository),
  };
  return medium.kind === "random"
    ? await importBundle({ ...given, source: medium.source })
    : await importStream({ ...given, source: medium.source });
}
