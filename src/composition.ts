import { basename, extname } from "node:path";
import type { Writable } from "node:stream";
import { MAX_INVENTORY_SIZE } from "./bundle/format/index.js";
import {
  assertNotRead,
  assertWritable,
  BundlePlace,
  type Medium,
  openMedium,
  type OpenMediumOptions,
  openRandomMedium,
  type ReadBundle,
  readDocument,
  StreamSink,
  type Volumes,
} from "./bundle/index.js";
import { LockFile, type LockOptions, parseImages } from "./image-lists/index.js";
import { isSealiftError, quote, SealiftError } from "./errors/index.js";
import { acquireLock } from "./io/index.js";
import { parseDestination, type Reference } from "./oci/index.js";
import {
  type DiffResult,
  diffBundles,
  type ExportResult,
  exportImages,
  type HeldBlobs,
  heldByBundle,
  heldByDocument,
  type ImportResult,
  type InspectResult,
  importBundle,
  importStream,
  inspectBundle,
  inspectStream,
  listTags,
  type MergeResult,
  mergeBundles,
  nextIdentity,
  type PlatformChoice,
  readReplaced,
  type TagsResult,
  type VerifyResult,
  verifyBundle,
  verifyStream,
} from "./operations/index.js";
import {
  type EventListener,
  isResumableSink,
  type Op,
  type RandomAccessSink,
  type SignatureVerifier,
  type Signer,
} from "./ports/index.js";
import type {
  CredentialSources,
  LoginPlace,
  PullQuota,
  RegistryClient,
  RegistryClientOptions,
  UserPassword,
} from "./registry/index.js";
import type { TrustPolicy } from "./signing/index.js";

/**
 * What containers/image and containerd's clients use at most against one
 * registry; more brings 429s, not speed.
 */
export const DEFAULT_CONCURRENCY = 4;

// One blob is read while another one is written; more would make a disk seek.
const MERGE_CONCURRENCY = 2;

/** What every operation of the public API takes. */
export interface CommonOptions extends Op {
  /** Told what happens while it happens. */
  readonly onEvent?: EventListener;
}

/** What every operation takes that speaks with registries. */
export interface RegistryOptions extends CommonOptions {
  /** How registries are spoken with; by default as docker does it. */
  readonly registry?: RegistryClientOptions;
}

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

/** Where and how a bundle is written. */
export interface OutputOptions {
  /** The bundle's path. A bundle that is there is replaced once the new one is whole. */
  readonly output: string;
  /**
   * The size in bytes of the parts that the bundle is cut into, `OUTPUT.001` and
   * on, with a volumes file and sums beside them; by default, it is one file.
   */
  readonly volumeSize?: number;
  /** Whether what was written is read back from the medium, and compared, before it gets its name. */
  readonly verifyWrite?: boolean;
}

/** How a bundle was written. */
export interface WrittenBundle {
  /** The parts that it was cut into, with their names, sizes and sums; undefined if it is one file. */
  readonly volumes: Volumes | undefined;
  /**
   * Whether all of it has reached the medium, names included, so that it can be
   * pulled. Not all systems tell.
   */
  readonly safeToRemove: boolean;
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
 * Where a bundle lies: its file, its parts in any order, its volumes file,
 * folders or ZIPs that hold these, a bundle that is compressed as a whole, or `-`.
 */
export type BundlePaths = string | readonly string[];

/** What every operation takes that reads a bundle, be it one that comes by once. */
export interface ReadingOptions extends CommonOptions, Pick<OpenMediumOptions, "stdin" | "volumePrompt"> {}

/** What {@link verifyFile} takes. */
export interface VerifyFileOptions extends ReadingOptions {
  readonly trust: TrustPolicy;
  readonly deep?: boolean;
}

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
  const { RegistryClient } = await import("./registry/index.js");
  await parseImages(options.images, lock, output);
  await assertWritable(output);
  await using _lock = await acquireLock(`${output}.lock`);
  await using lockFile = lock && (await LockFile.open(lock));
  await using place = await BundlePlace.open(output, options.volumeSize);
  const replaced = place.replaced && (await readReplaced(place.replaced, output));
  await using client = new RegistryClient({ onEvent: common(options).onEvent, ...options.registry });
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
  const { RegistryClient } = await import("./registry/index.js");
  await parseImages(options.images, lock);
  await using lockFile = lock && (await LockFile.open(lock));
  await using client = new RegistryClient({ onEvent: common(options).onEvent, ...options.registry });
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

/**
 * Lists the tags of a repository, or those that a pattern means.
 *
 * @throws SealiftError as `listTags` of the operations.
 */
export async function listRepositoryTags(text: string, options: RegistryOptions = {}): Promise<TagsResult> {
  const { RegistryClient } = await import("./registry/index.js");
  await using client = new RegistryClient({ onEvent: common(options).onEvent, ...options.registry });
  return await listTags(text, {
    ...common(options),
    openSource: (reference) => client.source(reference),
  });
}

/**
 * Checks a bundle: its signature, its form, and every digest.
 *
 * @throws SealiftError as `openMedium` and `verifyBundle`.
 */
export async function verifyFile(paths: BundlePaths, options: VerifyFileOptions): Promise<VerifyResult> {
  const medium = await openForReading(paths, options);
  await using _source = medium.source;
  const given = { ...common(options), trust: options.trust, deep: options.deep ?? false };
  return medium.kind === "random"
    ? await verifyBundle({ ...given, source: medium.source })
    : await verifyStream({ ...given, source: medium.source });
}

/**
 * Checks a bundle and sends its images to a registry.
 *
 * @throws SealiftError as `openMedium` and `importBundle`.
 */
export async function importFile(paths: BundlePaths, options: ImportFileOptions): Promise<ImportResult> {
  const to = parseDestination(options.to);
  const { RegistryClient } = await import("./registry/index.js");
  const medium = await openForReading(paths, options);
  await using _source = medium.source;
  await using client = new RegistryClient({ onEvent: common(options).onEvent, ...options.registry });
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

/** What {@link logIn} takes. */
export interface LogInOptions extends RegistryOptions {
  /** As it stands in references: `docker.io`, `localhost:5000`. */
  readonly to: string;
  readonly login: UserPassword;
  /** Where credentials are kept. */
  readonly keep?: CredentialSources;
}

/** What {@link logIn} did. */
export interface LogInResult extends LoginPlace {
  /** Whether the registry wanted the credentials; if not, nobody has checked them. */
  readonly wasChecked: boolean;
}

/**
 * Has a registry check credentials, and keeps them for later.
 *
 * @throws SealiftError `UNAUTHORIZED` if the registry does not take them, and
 * nothing is kept then; as `RegistryClient.checkLogin` and `storeLogin`.
 */
export async function logIn({ to, login, keep = {}, registry, signal }: LogInOptions): Promise<LogInResult> {
  const { RegistryClient, storeLogin } = await import("./registry/index.js");
  await using client = new RegistryClient({ ...registry, credentials: async () => login });
  const wasChecked = await client.checkLogin(to, signal && { signal });
  return { ...(await storeLogin(to, login, keep)), wasChecked };
}

/** What {@link logOut} did. */
export interface LogOutResult extends LoginPlace {
  /** Whether there was something to remove. */
  readonly wasThere: boolean;
  /** Where there still are credentials for the registry, which will be used. */
  readonly remains: string | undefined;
}

/**
 * Removes the credentials for a registry from where {@link logIn} keeps them.
 *
 * @param from - The registry as it stands in references.
 * @throws SealiftError as `eraseLogin`.
 */
export async function logOut(from: string, keep: CredentialSources = {}): Promise<LogOutResult> {
  const { eraseLogin, findCredentials } = await import("./registry/index.js");
  const erased = await eraseLogin(from, keep);
  // Whatever is wrong with the other places, this one is clean.
  const remains = await findCredentials(keep)(from).catch(() => undefined);
  return { ...erased, remains: remains?.source };
}

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

/** Opens a bundle that must be readable anywhere in it, and tells the user what is special about that. */
async function openAnywhere(path: string, options: CommonOptions): Promise<ReadBundle["source"]> {
  const { onEvent, ...op } = common(options);
  const { source, notes } = await openRandomMedium([path], op);
  for (const text of notes) onEvent({ type: "step", text });
  return source;
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

/** Opens the bundle that is to be read, and tells the user what is special about that. */
async function openForReading(paths: BundlePaths, options: ReadingOptions): Promise<Medium> {
  const medium = await openMedium(typeof paths === "string" ? [paths] : paths, options);
  for (const text of medium.notes) common(options).onEvent({ type: "step", text });
  return medium;
}

function common({ signal, onEvent }: CommonOptions) {
  return { onEvent: onEvent ?? (() => undefined), ...(signal === undefined ? {} : { signal }) };
}

/**
 * Runs what writes a bundle. If it fails, and the sink that it opened keeps
 * something for the next run, the error says how to go on with that.
 */
async function sayingHowToGoOn<T>(run: (opened: <S extends RandomAccessSink>(sink: S) => S) => Promise<T>): Promise<T> {
  let sink: RandomAccessSink | undefined;
  try {
    return await run((opened) => {
      sink = opened;
      return opened;
    });
  } catch (error) {
    const kept = sink !== undefined && isResumableSink(sink) ? sink.kept : undefined;
    if (kept === undefined || !isSealiftError(error)) throw error;
    const { code, message, cause } = error;
    const goOn = `what has come is kept in ${quote(kept)}: run the same command again to go on with it`;
    const hint = error.hint === undefined || code === "INTERRUPTED" ? goOn : `${error.hint}; ${goOn}`;
    throw new SealiftError(code, message, { hint, cause });
  }
}
