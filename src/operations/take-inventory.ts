import pLimit from "p-limit";
import type { InventoryRepository } from "../bundle/format/index.js";
import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import {
  type Descriptor,
  type Digest,
  formatRepository,
  isForeignLayerMediaType,
  isRepository,
  parseManifest,
  type RawManifest,
  type Reference,
} from "../oci/index.js";
import type { EventListener, ImageSource, Op, RepositoryLister } from "../ports/index.js";
import { readTags } from "./collect/read-tags.js";
import { runAll } from "./concurrency/run-all.js";
import { boundless, MetadataReader } from "./graph/metadata-reader.js";

/** What {@link takeInventory} needs. */
export interface InventoryOptions extends Op {
  /** Registries, each with a repository, a part of its path from the start, or nothing. All are the same registry. */
  readonly places: readonly { readonly registry: string; readonly prefix: string }[];
  readonly openLister: (registry: string) => RepositoryLister;
  readonly openSource: (reference: Reference) => Promise<ImageSource>;
  /** How many requests run at the same time. */
  readonly concurrency: number;
  readonly onEvent: EventListener;
}

/** What a registry has. */
export interface TakenInventory {
  readonly registry: string;
  /** Sorted by name. */
  readonly repositories: readonly InventoryRepository[];
  /** Of those that could not be read, sorted: the first thousand that were met. */
  readonly failures: readonly InventoryFailure[];
  /** How many could not be read. */
  readonly failed: number;
}

/** A repository that could not be read. */
export interface InventoryFailure {
  /** With its registry. */
  readonly repository: string;
  readonly error: SealiftError;
}

// What an inventory's file has room for; in memory, they take some 200 MB.
const MAX_BLOBS = 1_000_000;

// As deep as images are walked on export and on import.
const MAX_DEPTH = 8;

// The largest published indexes list some hundred. Children that are not there
// take no bytes, so no bound of these would ever end their walk.
const MAX_MANIFESTS = 10_000;

// An error takes some 10 kB. Nobody reads more of them.
const MAX_FAILURES = 1000;

// After every so many repositories, the user hears how far it is.
const STEPS = 20;

/**
 * Lists the configs and layers of all images in repositories, by the tags that
 * they have now. A tag that cannot be read is left out with a warning: what an
 * inventory lacks is only carried once more.
 *
 * @throws SealiftError `USAGE` for several registries, or more than an
 * inventory may hold; `UNREACHABLE`; why a registry does not list its
 * repositories, if none is named; or why no repository could be read.
 */
export async function takeInventory(options: InventoryOptions): Promise<TakenInventory> {
  const registry = onlyRegistry(options.places);
  const { names, listed } = await repositoriesOf(registry, options);
  options.onEvent({
    type: "step",
    text: `Reading ${names.length === 1 ? "1 repository" : `${names.length} repositories`} of ${registry}`,
  });
  const taken = new Map<string, InventoryRepository>();
  const failures: InventoryFailure[] = [];
  let failed = 0;
  const budget = new Budget(names.length, options.onEvent);
  const limit = pLimit(options.concurrency);
  await runAll(names, options.concurrency, options.signal, async (name, signal) => {
    try {
      const reader = new RepositoryReader({ registry, repository: name }, limit, budget, { ...options, signal });
      taken.set(name, { name, blobs: await reader.read() });
    } catch (error) {
      if (!isRefused(error)) throw error;
      // Distribution goes on listing repositories whose last tag is gone.
      if (error.code === "NOT_FOUND" && listed.has(name)) taken.set(name, { name, blobs: [] });
      else {
        failed += 1;
        if (failed <= MAX_FAILURES)
          failures.push({ repository: formatRepository({ registry, repository: name }), error });
      }
    }
    budget.finishRepository();
  });
  const [first] = failures;
  if (taken.size === 0 && first !== undefined) throw first.error;
  const repositories = names.flatMap((name) => taken.get(name) ?? []);
  failures.sort((a, b) => (a.repository < b.repository ? -1 : 1));
  return { registry, repositories, failures, failed };
}

/** Counts what all repositories have together. */
class Budget {
  readonly #repositories: number;
  readonly #onEvent: EventListener;
  #blobs = 0;
  #finished = 0;

  constructor(repositories: number, onEvent: EventListener) {
    this.#repositories = repositories;
    this.#onEvent = onEvent;
  }

  addBlob(): void {
    this.#blobs += 1;
    if (this.#blobs <= MAX_BLOBS) return;
    throw new SealiftError("USAGE", `expected an inventory of at most ${MAX_BLOBS} blobs, got more`, {
      hint: "make several, each of some repositories, and name them all with export --since",
    });
  }

  finishRepository(): void {
    this.#finished += 1;
    const every = Math.ceil(this.#repositories / STEPS);
    if (this.#finished % every !== 0 || this.#finished === this.#repositories) return;
    const text = `Read ${this.#finished} of ${this.#repositories} repositories, with ${this.#blobs} blobs`;
    this.#onEvent({ type: "step", text });
  }
}

type ManifestReader = (descriptor: Descriptor) => Promise<RawManifest>;

/** Reads all images of one repository. */
class RepositoryReader {
  readonly #reference: Reference;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #budget: Budget;
  readonly #options: InventoryOptions;
  readonly #visited = new Set<Digest>();
  readonly #blobs = new Map<Digest, number>();
  /** Of the tags that cannot be read, only one: a registry may list a million of them. */
  #firstBad: { readonly tag: string; readonly message: string } | undefined;
  #bad = 0;

  constructor(reference: Reference, limit: ReturnType<typeof pLimit>, budget: Budget, options: InventoryOptions) {
    this.#reference = reference;
    this.#limit = limit;
    this.#budget = budget;
    this.#options = options;
  }

  async read(): Promise<InventoryRepository["blobs"]> {
    const { onEvent } = this.#options;
    const source = await this.#options.openSource(this.#reference);
    const tags = await readTags({
      repository: this.#reference,
      openSource: async () => source,
      onEvent,
      ...this.#op,
    });
    await this.#each(tags, (tag) => this.#readTag(source, tag));
    const first = this.#firstBad;
    if (first !== undefined) {
      const many = this.#bad > 1;
      const what = many ? `${this.#bad} tags` : "1 tag";
      const why = many ? `are left out, since they cannot be read, such as` : "is left out, since it cannot be read:";
      const name = formatRepository(this.#reference);
      onEvent({ type: "warning", text: `${what} of ${name} ${why} ${first.tag}: ${first.message}` });
    }
    const blobs = [...this.#blobs].map(([digest, size]) => ({ digest, size }));
    return blobs.sort((a, b) => (a.digest < b.digest ? -1 : 1));
  }

  /** Runs a task for each item, as many as all repositories together may; all have ended when it returns. */
  async #each<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const outcomes = await Promise.allSettled(
      items.map((item) =>
        this.#limit(async () => {
          this.#options.signal?.throwIfAborted();
          if (stop.signal.aborted) return;
          await task(item).catch((error: unknown) => {
            stop.abort();
            throw error;
          });
        }),
      ),
    );
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #readTag(source: ImageSource, tag: string): Promise<void> {
    try {
      const root = await source.resolve({ ...this.#reference, tag }, this.#op);
      await this.#visit(this.#manifestsOf(source), root, 0);
    } catch (error) {
      if (!isRefused(error)) throw error;
      this.#bad += 1;
      this.#firstBad ??= { tag, message: error.message };
    }
  }

  /** Reads the manifests of one image, within the bounds that an export has as well. */
  #manifestsOf(source: ImageSource): ManifestReader {
    const metadata = new MetadataReader({
      manifest: (descriptor) => source.fetchManifest(descriptor, this.#op),
      config: () => Promise.reject(new Error("an inventory reads no config")),
    });
    let manifests = 0;
    return async (descriptor) => {
      manifests += 1;
      if (manifests > MAX_MANIFESTS) throw boundless(descriptor, `more than ${MAX_MANIFESTS} manifests in one image`);
      return await metadata.manifest(descriptor);
    };
  }

  async #visit(read: ManifestReader, descriptor: Descriptor, depth: number): Promise<void> {
    if (this.#visited.has(descriptor.digest)) return;
    this.#visited.add(descriptor.digest);
    if (depth > MAX_DEPTH) throw boundless(descriptor, `indexes nested deeper than ${MAX_DEPTH} levels`);
    const parsed = parseManifest(await read(descriptor));
    if (parsed.kind === "manifest") {
      for (const blob of [parsed.config, ...parsed.layers]) this.#add(blob);
      return;
    }
    for (const child of parsed.manifests) {
      await this.#visit(read, child, depth + 1).catch((error: unknown) => {
        // Not all children of an index need be there.
        if (!isSealiftError(error, "NOT_FOUND", "UNSUPPORTED_MANIFEST")) throw error;
      });
    }
  }

  #add({ mediaType, digest, size }: Descriptor): void {
    if (isForeignLayerMediaType(mediaType) || this.#blobs.has(digest)) return;
    this.#budget.addBlob();
    this.#blobs.set(digest, size);
  }

  get #op(): Op {
    const { signal } = this.#options;
    return signal === undefined ? {} : { signal };
  }
}

function onlyRegistry(places: InventoryOptions["places"]): string {
  const [registry, other] = new Set(places.map((place) => place.registry));
  if (registry !== undefined && other === undefined) return registry;
  throw new SealiftError(
    "USAGE",
    `expected an inventory of one registry, got ${registry ?? "none"} and ${other ?? "none"}`,
    {
      hint: "make one of each, and name them all with export --since",
    },
  );
}

interface Repositories {
  /** Of all that are meant, sorted. */
  readonly names: readonly string[];
  /** What the registry says that it has. */
  readonly listed: ReadonlySet<string>;
}

async function repositoriesOf(registry: string, options: InventoryOptions): Promise<Repositories> {
  const { places, onEvent } = options;
  const listed = await listRepositories(registry, options).catch((error: unknown): readonly string[] => {
    // Where a path is named, it may be a repository, and nobody need list it.
    if (!isRefused(error) || places.some(({ prefix }) => prefix === "")) throw error;
    return [];
  });
  const names = new Set<string>();
  for (const { prefix } of places) {
    const below = listed.filter((name) => prefix === "" || name === prefix || name.startsWith(`${prefix}/`));
    for (const name of below.length > 0 ? below : [prefix]) if (name !== "") names.add(name);
  }
  const bad = [...names].filter((name) => !isRepository(name));
  if (bad.length > 0) {
    const text = `${registry} lists what is no repository; left out: ${quote(bad[0] ?? "", 40)}`;
    onEvent({ type: "warning", text: bad.length === 1 ? text : `${text} and ${bad.length - 1} more` });
  }
  const good = [...names].filter(isRepository).sort();
  if (good.length > 0) return { names: good, listed: new Set(listed) };
  throw new SealiftError("NOT_FOUND", `expected ${registry} to list repositories, got an empty list`, {
    hint: `it may show them only to those who have logged in; else name them: ${registry}/REPOSITORY`,
  });
}

async function listRepositories(
  registry: string,
  { openLister, signal }: InventoryOptions,
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const name of openLister(registry).repositories(signal && { signal })) names.push(name);
  return names;
}

// What one repository, tag or manifest can be refused for; a registry that is gone is gone for all.
function isRefused(error: unknown): error is SealiftError {
  return isSealiftError(error) && (error.exitCode === 4 || error.exitCode === 3) && error.code !== "UNREACHABLE";
}
