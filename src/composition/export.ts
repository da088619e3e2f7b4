import { basename, extname } from "node:path";
import type { Writable } from "node:stream";
import { MAX_INVENTORY_SIZE } from "../bundle/format/index.js";
import { assertNotRead, assertWritable, BundlePlace, readDocument, StreamSink } from "../bundle/index.js";
import { quote } from "../errors/index.js";
import { LockFile, type LockOptions, parseImages } from "../image-lists/index.js";
import { acquireLock } from "../io/index.js";
import type { Reference } from "../oci/index.js";
import {
  type ExportResult,
  exportImages,
  type HeldBlobs,
  heldByBundle,
  heldByDocument,
  nextIdentity,
  type PlatformChoice,
  readReplaced,
} from "../operations/index.js";
import type { SignatureVerifier, Signer } from "../ports/index.js";
import type { PullQuota, RegistryClient } from "../registry/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { openAnywhere } from "./opening.js";
import { common, DEFAULT_CONCURRENCY, openClient, type RegistryOptions } from "./options.js";
import { type OutputOptions, sayingHowToGoOn, type WrittenBundle } from "./writing.js";

/** What every export takes. */
export interface ExportCommonOptions extends RegistryOptions {
  /** Image references, as Docker takes them, or with a tag pattern in the place of the tag. */
  readonly images: readonly string[];
  /** By default, every tag is looked up. */
  readonly lock?: LockOptions;
  /** Needed once the manifests have been read; it may be opened meanwhile. */
  readonly signer: Signer | Promise<Signer>;
  /** By default, all. */
  readonly platforms?: PlatformChoice;
  /** Whether signatures, attestations and SBOMs that refer to an image come with it; by default, they do. */
  readonly referrers?: boolean;
  /**
   * Where it says what the far side has, so that layers of it are left out: a
   * bundle that was imported there, the signed index of one, or an inventory.
   */
  readonly since?: readonly string[];
  /** Whose signature a bundle of `since` may have, besides the signer's own; by default, nobody's. */
  readonly trust?: TrustPolicy;
  /** How many downloads run at the same time. */
  readonly concurrency?: number;
  /** The bundle's time of creation; by default, now. The same time, images and file name give the same index. */
  readonly created?: Date;
}

/** What {@link exportToFile} takes. */
export interface ExportToFileOptions extends ExportCommonOptions, OutputOptions {}

/** What {@link exportToStream} takes. */
export interface ExportToStreamOptions extends ExportCommonOptions {
  /** What the bundle is written to; it is not ended. */
  readonly output: Writable;
}

/** What {@link exportToStream} made. */
export interface ExportToStreamResult extends ExportResult {
  /** What the registries that count pulls said last of them. */
  readonly quotas: readonly PullQuota[];
}

/** What {@link exportToFile} made. */
export interface ExportToFileResult extends ExportToStreamResult, WrittenBundle {}

/**
 * Pulls images from their registries into one signed bundle. What the lock file
 * covers is taken as it says; all else is added to it once the bundle is whole.
 *
 * @throws SealiftError `LOCKED` if another run writes the same file,
 * `FILE_EXISTS` if what is there is a symbolic link or no bundle, and as
 * {@link parseImages} and `exportImages`.
 */
export async function exportToFile(options: ExportToFileOptions): Promise<ExportToFileResult> {
  const { output, lock } = options;
  const signer = Promise.resolve(options.signer);
  // Its failure is heard of where it is needed; until then it is no unhandled rejection.
  signer.catch(() => undefined);
  await parseImages(options.images, lock, output);
  await assertWritable(output);
  await using _lock = await acquireLock(`${output}.lock`);
  await using lockFile = lock && (await LockFile.open(lock));
  await using place = await BundlePlace.open(output, options.volumeSize);
  const replaced = place.replaced && (await readReplaced(place.replaced, output));
  await using client = await openClient(options);
  const result = await sayingHowToGoOn(async (opened) =>
    exportImages({
      ...exported(options, signer, lockFile, client),
      readHeld: (ownKey) => readHeld(options, ownKey, output),
      identity: nextIdentity(basename(output, extname(output)), options.created ?? new Date(), replaced),
      // An image that has not changed costs no pull where pulls are counted.
      known: replaced?.read,
      findLocal: replaced?.findBlob,
      // Windows replaces no file that is open.
      closeLocal: () => place.closeReplaced(),
      verifyWrite: options.verifyWrite ?? false,
      openSink: async () => opened(await place.createSink()),
    }),
  );
  await lockFile?.save();
  return { ...result, quotas: client.pullQuotas, volumes: place.volumes, safeToRemove: place.isDurable };
}

/**
 * Pulls images from their registries into one signed bundle that goes into a
 * pipe, as {@link exportToFile} does into a file. What breaks cannot be gone on
 * with: whoever reads has no whole bundle then, and finds that out.
 *
 * @throws SealiftError `MEDIUM_FAILED` if nobody reads any more; as {@link parseImages} and `exportImages`.
 */
export async function exportToStream(options: ExportToStreamOptions): Promise<ExportToStreamResult> {
  const { lock, output, signal } = options;
  const signer = Promise.resolve(options.signer);
  signer.catch(() => undefined);
  await parseImages(options.images, lock);
  await using lockFile = lock && (await LockFile.open(lock));
  await using client = await openClient(options);
  const result = await exportImages({
    ...exported(options, signer, lockFile, client),
    identity: nextIdentity(PIPE_STREAM, options.created ?? new Date(), undefined),
    openSink: async () => new StreamSink(output, "standard output", signal && { signal }),
  });
  await lockFile?.save();
  return { ...result, quotas: client.pullQuotas };
}

// The name of the stream that all bundles share which were never a file.
const PIPE_STREAM = "pipe";

/** What an export needs, wherever it goes. */
function exported(
  options: ExportCommonOptions,
  signer: Promise<Signer>,
  lockFile: LockFile | undefined,
  client: RegistryClient,
) {
  return {
    ...common(options),
    images: options.images,
    lock: lockFile?.lock,
    platforms: options.platforms ?? "all",
    referrers: options.referrers ?? true,
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    keepsTime: options.created !== undefined,
    signer,
    readHeld: (ownKey: SignatureVerifier) => readHeld(options, ownKey),
    openSource: (reference: Reference) => client.source(reference),
  };
}

/**
 * Reads what the far side has. What it says of itself decides what a file is, not its name.
 *
 * @param output - Must not be one of the bundles: whoever merges the delta later needs them.
 */
async function readHeld(
  options: ExportCommonOptions,
  ownKey: SignatureVerifier,
  output?: string,
): Promise<readonly HeldBlobs[]> {
  const { since = [], trust = { kind: "keys", verifiers: [] } } = options;
  const policy: TrustPolicy = trust.kind === "keys" ? { kind: "keys", verifiers: [ownKey, ...trust.verifiers] } : trust;
  const held: HeldBlobs[] = [];
  for (const path of since) {
    const document = await readDocument(path, MAX_INVENTORY_SIZE);
    if (document !== undefined) {
      held.push(heldByDocument(document, quote(path)));
      continue;
    }
    await using source = await openAnywhere(path, options);
    if (output !== undefined) await assertNotRead(output, [{ path, source }]);
    held.push(await heldByBundle(source, policy, quote(path)));
  }
  return held;
}
