import { access } from "node:fs/promises";
import { basename, extname } from "node:path";
import { FileSink, FileSource, stampOfReplaced } from "./bundle/index.js";
import { LockFile, type LockOptions, parseImages } from "./image-lists/index.js";
import { acquireLock } from "./io/index.js";
import { parseDestination } from "./oci/index.js";
import {
  type ExportResult,
  exportImages,
  type ImportResult,
  type InspectResult,
  importBundle,
  inspectBundle,
  listTags,
  nextIdentity,
  type PlatformChoice,
  readReplaced,
  type TagsResult,
  type VerifyResult,
  verifyBundle,
} from "./operations/index.js";
import type { EventListener, Op, Signer } from "./ports/index.js";
import type {
  CredentialSources,
  LoginPlace,
  PullQuota,
  RegistryClientOptions,
  UserPassword,
} from "./registry/index.js";
import type { TrustPolicy } from "./signing/index.js";

// What containers/image and containerd's clients use at most against one
// registry; more brings 429s, not speed.
const DEFAULT_CONCURRENCY = 4;

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

/** What {@link exportToFile} takes. */
export interface ExportToFileOptions extends RegistryOptions {
  /** Image references, as Docker takes them, or with a tag pattern in the place of the tag. */
  readonly images: readonly string[];
  /** By default, every tag is looked up. */
  readonly lock?: LockOptions;
  /** The bundle's path. A bundle that is there is replaced once the new one is whole. */
  readonly output: string;
  /** Needed once the manifests have been read; it may be opened meanwhile. */
  readonly signer: Signer | Promise<Signer>;
  /** By default, all. */
  readonly platforms?: PlatformChoice;
  /** Whether signatures, attestations and SBOMs that refer to an image come with it; by default, they do. */
  readonly referrers?: boolean;
  /** How many downloads run at the same time. */
  readonly concurrency?: number;
  /** The bundle's time of creation; by default, now. The same time, images and file name give the same index. */
  readonly created?: Date;
}

/** What {@link exportToFile} made. */
export interface ExportToFileResult extends ExportResult {
  /** What the registries that count pulls said last of them. */
  readonly quotas: readonly PullQuota[];
}

/** What {@link verifyFile} takes. */
export interface VerifyFileOptions extends CommonOptions {
  readonly trust: TrustPolicy;
  readonly deep?: boolean;
}

/** What {@link importFile} takes. */
export interface ImportFileOptions extends RegistryOptions {
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
  await using _lock = await acquireLock(`${output}.lock`);
  await using lockFile = lock && (await LockFile.open(lock));
  const stamp = await stampOfReplaced(output);
  await using file = await openIfThere(output);
  const replaced = file && (await readReplaced(file, output));
  await using client = new RegistryClient({ onEvent: common(options).onEvent, ...options.registry });
  const result = await exportImages({
    ...common(options),
    images: options.images,
    lock: lockFile?.lock,
    platforms: options.platforms ?? "all",
    referrers: options.referrers ?? true,
    concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
    identity: nextIdentity(basename(output, extname(output)), options.created ?? new Date(), replaced),
    // An image that has not changed costs no pull where pulls are counted.
    known: replaced?.read,
    signer,
    openSource: (reference) => client.source(reference),
    openSink: async () => {
      // Windows replaces no file that is open.
      await file?.[Symbol.asyncDispose]();
      return await FileSink.create(output, stamp);
    },
  });
  await lockFile?.save();
  return { ...result, quotas: client.pullQuotas };
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
  await using client = new RegistryClient({ onEvent: common(options).onEvent, ...options.registry });
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
 * @throws SealiftError as `inspectBundle`.
 */
export async function inspectFile(path: string, trust: TrustPolicy): Promise<InspectResult> {
  await using source = await FileSource.open(path);
  return await inspectBundle(source, trust);
}

function common({ signal, onEvent }: CommonOptions) {
  return { onEvent: onEvent ?? (() => undefined), ...(signal === undefined ? {} : { signal }) };
}

async function openIfThere(path: string): Promise<FileSource | undefined> {
  try {
    await access(path);
  } catch {
    return undefined;
  }
  return await FileSource.open(path);
}
