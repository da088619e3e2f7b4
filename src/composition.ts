import { access } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { BundleIdentity } from "./bundle/format/index.js";
import { FileSink, FileSource, stampOfReplaced } from "./bundle/index.js";
import { acquireLock } from "./io/index.js";
import { parseDestination } from "./oci/index.js";
import {
  type ExportResult,
  exportImages,
  type ImportResult,
  type InspectResult,
  importBundle,
  inspectBundle,
  nextIdentity,
  type PlatformChoice,
  readReplaced,
  type VerifyResult,
  verifyBundle,
} from "./operations/index.js";
import type { EventListener, Op, Signer } from "./ports/index.js";
import type { TrustPolicy } from "./signing/index.js";

// What containers/image and containerd's clients use at most against one
// registry; more brings 429s, not speed.
const DEFAULT_CONCURRENCY = 4;

/** What every operation of the public API takes. */
export interface CommonOptions extends Op {
  /** Told what happens while it happens. */
  readonly onEvent?: EventListener;
}

/** What {@link exportToFile} takes. */
export interface ExportToFileOptions extends CommonOptions {
  /** Image references, as Docker takes them. */
  readonly images: readonly string[];
  /** The bundle's path. A bundle that is there is replaced once the new one is whole. */
  readonly output: string;
  /** Needed once the manifests have been read; it may be opened meanwhile. */
  readonly signer: Signer | Promise<Signer>;
  /** By default, all. */
  readonly platforms?: PlatformChoice;
  /** How many downloads run at the same time. */
  readonly concurrency?: number;
  /** The bundle's time of creation; by default, now. The same time, images and file name give the same index. */
  readonly created?: Date;
}

/** What {@link verifyFile} takes. */
export interface VerifyFileOptions extends CommonOptions {
  readonly trust: TrustPolicy;
  readonly deep?: boolean;
}

/** What {@link importFile} takes. */
export interface ImportFileOptions extends CommonOptions {
  readonly trust: TrustPolicy;
  /** `REGISTRY` or `REGISTRY/PREFIX`. */
  readonly to: string;
  readonly dryRun?: boolean;
  /** How many uploads run at the same time. */
  readonly concurrency?: number;
}

/**
 * Pulls images from their registries into one signed bundle.
 *
 * @throws SealiftError `LOCKED` if another run writes the same file,
 * `FILE_EXISTS` if what is there is a symbolic link or no bundle, and as `exportImages`.
 */
export async function exportToFile(options: ExportToFileOptions): Promise<ExportResult> {
  const { output } = options;
  const signer = Promise.resolve(options.signer);
  // Its failure is heard of where it is needed; until then it is no unhandled rejection.
  signer.catch(() => undefined);
  const { RegistryClient } = await import("./registry/index.js");
  await using _lock = await acquireLock(`${output}.lock`);
  const replaced = await stampOfReplaced(output);
  await using client = new RegistryClient();
  return await exportImages({
    ...common(options),
    images: options.images,
    platforms: options.platforms ?? "all",
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    identity: await identityOf(output, options.created ?? new Date()),
    signer,
    openSource: async ({ registry, repository }) => client.repository(registry, repository),
    openSink: () => FileSink.create(output, replaced),
  });
}

/**
 * Checks a bundle: its signature, its form, and every digest.
 *
 * @throws SealiftError as `verifyBundle`.
 */
export async function verifyFile(path: string, options: VerifyFileOptions): Promise<VerifyResult> {
  await using source = await FileSource.open(path);
  return await verifyBundle({ ...common(options), source, trust: options.trust, deep: options.deep ?? false });
}

/**
 * Checks a bundle and sends its images to a registry.
 *
 * @throws SealiftError as `importBundle`.
 */
export async function importFile(path: string, options: ImportFileOptions): Promise<ImportResult> {
  const to = parseDestination(options.to);
  const { RegistryClient } = await import("./registry/index.js");
  await using source = await FileSource.open(path);
  await using client = new RegistryClient();
  return await importBundle({
    ...common(options),
    source,
    trust: options.trust,
    to,
    dryRun: options.dryRun ?? false,
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    openDestination: async ({ registry, repository }) => client.repository(registry, repository),
  });
}

/**
 * Reads what a bundle says of itself.
 *
 * @throws SealiftError as `inspectBundle`.
 */
export async function inspectFile(path: string, trust: TrustPolicy): Promise<InspectResult> {
  await using source = await FileSource.open(path);
  return await inspectBundle(source, trust);
}

function common({ signal, onEvent }: CommonOptions) {
  return { onEvent: onEvent ?? (() => undefined), ...(signal === undefined ? {} : { signal }) };
}

async function identityOf(output: string, created: Date): Promise<BundleIdentity> {
  const stream = basename(output, extname(output));
  try {
    await access(output);
  } catch {
    return nextIdentity(stream, created, undefined);
  }
  await using replaced = await FileSource.open(output);
  return nextIdentity(stream, created, await readReplaced(replaced, output));
}
