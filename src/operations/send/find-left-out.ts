import type { DeltaBase, LeftOutBlob } from "../../bundle/format/index.js";
import { isSealiftError, SealiftError } from "../../errors/index.js";
import { type Digest, formatRepository, type Reference } from "../../oci/index.js";
import type { EventListener, ImageDestination, Op } from "../../ports/index.js";
import { runAll } from "../concurrency/run-all.js";
import { describeBase } from "../delta/left-out.js";
import type { BundleContent } from "../read/bundle-content.js";
import type { BundleHead } from "../read/open-bundle.js";
import { type DestinationRoot, repositoryBelow } from "./destination.js";
import { groupBlobs } from "./import-blobs.js";
import { ImportTarget, type TargetRepository } from "./import-target.js";
import type { WantedBlob } from "./store-blob.js";

/** What finding and storing what is left out need. */
export interface LeftOutOptions extends Op {
  readonly to: DestinationRoot;
  readonly concurrency: number;
  readonly openDestination: (reference: Reference) => Promise<ImageDestination>;
  readonly onEvent: EventListener;
}

/** A blob that a delta leaves out, and where the far side has it. */
export interface FoundBlob extends WantedBlob {
  readonly holder: TargetRepository;
  /** In how many of the repositories that need it it is. */
  readonly present: number;
  /** The repositories that need it and have it not. */
  readonly lacking: readonly TargetRepository[];
}

/**
 * Looks for each blob that a delta leaves out in the repositories that need it,
 * then in the one where its base brought it, then in all others that the delta
 * names. Nothing is sent. Of a bundle that holds all its blobs, there are none.
 *
 * @throws SealiftError `NOT_FOUND` if the registry has not all of them, and the
 * message names the bundles or inventories they were to come with; `USAGE` if
 * an inventory is of another registry; `UNREACHABLE`.
 */
export async function findLeftOut(
  { index }: BundleHead,
  content: BundleContent,
  targets: readonly ImportTarget[],
  options: LeftOutOptions,
): Promise<readonly FoundBlob[]> {
  const wanted = groupBlobs(targets).filter(({ descriptor }) => content.isAbsent(descriptor));
  if (index.delta === undefined || wanted.length === 0) return [];
  const { bases, leftOut } = index.delta;
  for (const base of bases) assertRegistry(base, options.to);
  const places = new Map(leftOut.map((blob) => [blob.digest, blob]));
  options.onEvent({
    type: "step",
    text: `Looking for what the bundle leaves out: ${wanted.length === 1 ? "1 blob" : `${wanted.length} blobs`}`,
  });
  const search = new Search(bases, targets, options);
  await search.open(leftOut);
  await runAll(wanted, options.concurrency, options.signal, async (blob, signal) => {
    await search.lookNear(blob, places.get(blob.descriptor.digest), { signal });
  });
  await runAll(search.unfound(places), options.concurrency, options.signal, async (sought, signal) => {
    await search.lookAnywhere(sought, { signal });
  });
  search.assertAllFound(places);
  return search.found;
}

/** What is known of a blob while it is looked for. */
interface Sought extends WantedBlob {
  readonly tried: Set<TargetRepository>;
  readonly lacking: TargetRepository[];
  present: number;
  holder: TargetRepository | undefined;
}

class Search {
  readonly #bases: readonly DeltaBase[];
  readonly #options: LeftOutOptions;
  readonly #repositories: Map<string, TargetRepository>;
  readonly #sought = new Map<Digest, Sought>();
  #refusal: SealiftError | undefined;

  constructor(bases: readonly DeltaBase[], targets: readonly ImportTarget[], options: LeftOutOptions) {
    this.#bases = bases;
    this.#options = options;
    this.#repositories = new Map(targets.map(({ repository }) => [formatRepository(repository.reference), repository]));
  }

  /** Opens every repository that something should be in, once. */
  async open(places: Iterable<LeftOutBlob>): Promise<void> {
    const others = this.#bases.flatMap((base, at) =>
      base.kind === "bundle" ? (base.repositories ?? []).map((repository) => ({ base: at, repository })) : [],
    );
    for (const place of [...places, ...others]) {
      const reference = this.#referenceTo(place);
      const name = formatRepository(reference);
      if (this.#repositories.has(name)) continue;
      this.#repositories.set(name, { reference, destination: await this.#options.openDestination(reference) });
    }
  }

  /** In the repositories that need it, and then where it should be. */
  async lookNear(blob: WantedBlob, place: LeftOutBlob | undefined, op: Op): Promise<void> {
    const sought: Sought = { ...blob, tried: new Set(), lacking: [], present: 0, holder: undefined };
    this.#sought.set(blob.descriptor.digest, sought);
    for (const repository of blob.targets.keys()) {
      const images = aliveOf(blob, repository);
      if (images.length === 0) continue;
      const isThere = await ImportTarget.attempt(images, () => this.#has(sought, repository, op));
      if (isThere === true) sought.present += 1;
      else if (isThere === false) sought.lacking.push(repository);
    }
    const repository = place && this.#repositories.get(formatRepository(this.#referenceTo(place)));
    if (repository !== undefined && isMissing(sought)) await this.#ask(sought, repository, op);
  }

  /** In every repository that has been spoken with: the far side may have tidied up. */
  async lookAnywhere(sought: Sought, op: Op): Promise<void> {
    for (const repository of this.#repositories.values()) {
      if (isMissing(sought)) await this.#ask(sought, repository, op);
    }
  }

  /**
   * What was not found, unless all that was known of its place was wrong for all
   * of its base: then the base was never there, and need not be looked for.
   */
  unfound(places: ReadonlyMap<Digest, LeftOutBlob>): readonly Sought[] {
    const baseOf = ({ descriptor }: Sought): number | undefined => places.get(descriptor.digest)?.base;
    const seen = new Set(this.found.map(baseOf));
    for (const [at, base] of this.#bases.entries()) {
      if (base.kind === "bundle" && base.repositories !== undefined) seen.add(at);
    }
    return this.#missing.filter((sought) => seen.has(baseOf(sought)));
  }

  assertAllFound(places: ReadonlyMap<Digest, LeftOutBlob>): void {
    if (this.#missing.length === 0) return;
    const { registry } = this.#options.to;
    const lacks = this.#bases.flatMap((base, at) => {
      const count = this.#missing.filter(({ descriptor }) => places.get(descriptor.digest)?.base === at).length;
      return count === 0 ? [] : [`${count} that ${describeBase(base)} stands for`];
    });
    throw new SealiftError(
      "NOT_FOUND",
      `expected ${registry} to have the ${this.#sought.size} blobs that this delta leaves out, got none of these: ${lacks.join("; ")}`,
      {
        hint: "import that bundle first, with the same --to, or export again without --since, or with an inventory of that registry as it is now",
        ...(this.#refusal && { cause: this.#refusal }),
      },
    );
  }

  get found(): readonly (FoundBlob & Sought)[] {
    return [...this.#sought.values()].flatMap((sought) => {
      const { holder } = sought;
      return holder === undefined ? [] : [{ ...sought, holder }];
    });
  }

  get #missing(): readonly Sought[] {
    return [...this.#sought.values()].filter(isMissing);
  }

  #referenceTo({ base, repository }: Pick<LeftOutBlob, "base" | "repository">): Reference {
    const { to } = this.#options;
    const isMapped = this.#bases[base]?.kind === "bundle";
    return { registry: to.registry, repository: isMapped ? repositoryBelow(to, repository) : repository };
  }

  // A repository that no image goes to may refuse whom it does not know: then the blob is not to be had there.
  async #ask(sought: Sought, repository: TargetRepository, op: Op): Promise<void> {
    if (sought.tried.has(repository)) return;
    try {
      await this.#has(sought, repository, op);
    } catch (error) {
      if (!isSealiftError(error) || error.exitCode !== 4 || error.code === "UNREACHABLE") throw error;
      this.#refusal ??= error;
    }
  }

  async #has(sought: Sought, repository: TargetRepository, op: Op): Promise<boolean> {
    sought.tried.add(repository);
    const isThere = await repository.destination.has(sought.descriptor, op);
    if (isThere) sought.holder ??= repository;
    return isThere;
  }
}

function isMissing({ holder, lacking }: Sought): boolean {
  return holder === undefined && lacking.length > 0;
}

/** The images that need a blob in a repository, but for those that have failed. */
export function aliveOf({ targets }: WantedBlob, repository: TargetRepository): readonly ImportTarget[] {
  return targets.get(repository)?.filter(({ failure }) => failure === undefined) ?? [];
}

// An inventory says what one registry has, and nothing of any other.
function assertRegistry(base: DeltaBase, { registry }: DestinationRoot): void {
  if (base.kind !== "inventory" || base.registry === registry) return;
  throw new SealiftError(
    "USAGE",
    `expected to import into ${base.registry}, whose inventory this delta relies on, got ${registry}`,
    { hint: `import it with --to ${base.registry}, or export again with an inventory of ${registry}` },
  );
}
