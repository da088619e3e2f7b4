import pLimit from "p-limit";
import type { InventoryRepository } from "../bundle/format/index.js";
import { quote, SealiftError } from "../errors/index.js";
import { formatRepository, isRepository, type Reference } from "../oci/index.js";
import type { EventListener, ImageSource, Op, RepositoryLister } from "../ports/index.js";
import { type BlobCounter, isRefused, RepositoryBlobs } from "./collect/repository-blobs.js";
import { runAll } from "./concurrency/run-all.js";

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
      const reader = new RepositoryBlobs({ registry, repository: name }, limit, budget, { ...options, signal });
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
class Budget implements BlobCounter {
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
