import { isSealiftError, SealiftError } from "../errors/index.js";
import type { Descriptor, Digest, RawManifest, Reference } from "../oci/index.js";
import type {
  EventListener,
  FetchOp,
  ImageSource,
  MirroredSource,
  Op,
  ReferrerLister,
  ReferrerListing,
  TagLister,
  TakeChunk,
} from "../ports/index.js";
import type { Endpoint } from "./mirrors/endpoint.js";
import type { RegistryRepository } from "./repository.js";
import { minRetryDelay } from "./transient.js";

/** A place, and the repository there. */
export interface MirrorPlace {
  readonly endpoint: Endpoint;
  readonly repository: RegistryRepository;
}

/** The places that failed for good in this run, by their origins, and how: nobody waits for them again. */
export type LostPlaces = Map<string, SealiftError>;

/** What {@link MirroredRepository} needs. */
export interface MirroredRepositoryOptions {
  /** In the order in which they are asked; the last one is the registry itself, or what stands for it. */
  readonly places: readonly MirrorPlace[];
  /** Shared by all repositories of a client. */
  readonly lost: LostPlaces;
  readonly onEvent: EventListener;
}

/**
 * A repository that several places may have. A place that lacks something, or
 * refuses it, or is not there, is no error as long as a later one gives it; nor
 * are wrong bytes, since each digest is checked.
 */
export class MirroredRepository implements ImageSource, MirroredSource, ReferrerLister, TagLister {
  readonly #places: readonly MirrorPlace[];
  /** How many of them are mirrors. */
  readonly #mirrors: number;
  readonly #lost: LostPlaces;
  readonly #onEvent: EventListener;
  readonly #warned = new Set<string>();
  readonly #givers = new Map<Digest, string>();

  constructor({ places, lost, onEvent }: MirroredRepositoryOptions) {
    this.#places = places;
    this.#mirrors = places.findLastIndex(({ endpoint }) => !endpoint.isDetour);
    this.#lost = lost;
    this.#onEvent = onEvent;
  }

  async resolve(reference: Reference, op?: Op): Promise<Descriptor> {
    const places = this.#places.filter(({ endpoint }) => endpoint.resolves);
    return await this.#firstOf(places, op, async ({ repository }) => {
      const descriptor = await repository.resolve(reference, op);
      this.#givers.set(descriptor.digest, repository.name);
      return descriptor;
    });
  }

  async fetchManifest(descriptor: Descriptor, op?: Op): Promise<RawManifest> {
    return await this.#firstOf(this.#places.filter(pulls), op, async ({ repository }) => {
      const manifest = await repository.fetchManifest(descriptor, op);
      this.#givers.set(descriptor.digest, repository.name);
      return manifest;
    });
  }

  async fetchBlob(descriptor: Descriptor, take: TakeChunk, op?: FetchOp): Promise<void> {
    let hasGiven = false;
    const giving: TakeChunk = async (chunk, position) => {
      hasGiven = true;
      await take(chunk, position);
    };
    const ask = ({ repository }: MirrorPlace) => repository.fetchBlob(descriptor, giving, op);
    // The hash of what one place gave goes with it, so another one could but begin again.
    await this.#firstOf(this.#places.filter(pulls), op, ask, () => op?.once !== true || !hasGiven);
  }

  /**
   * Caches know nothing of referrers, and say that there are none: so the
   * registry itself is asked first, and a mirror only if that cannot be had.
   */
  async referrers(subject: Descriptor, op?: Op): Promise<ReferrerListing> {
    const refusals: SealiftError[] = [];
    return await this.#firstOf(this.#mirrorsLast, op, async ({ repository }) => {
      try {
        const listing = await repository.referrers(subject, op);
        return { ...listing, refusals: [...refusals, ...listing.refusals] };
      } catch (error) {
        if (isSealiftError(error)) refusals.push(error);
        throw error;
      }
    });
  }

  /** The registry itself is asked first, as for {@link referrers}: caches list what they have. */
  async *tags(op?: Op): AsyncGenerator<string> {
    const { first, rest } = await this.#firstOf(this.#mirrorsLast, op, async ({ repository }) => {
      const tags = repository.tags(op)[Symbol.asyncIterator]();
      return { first: await tags.next(), rest: { [Symbol.asyncIterator]: () => tags } };
    });
    if (first.done === true) return;
    yield first.value;
    yield* rest;
  }

  giverOf({ digest }: Descriptor): string | undefined {
    return this.#givers.get(digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  get #mirrorsLast(): readonly MirrorPlace[] {
    return [...this.#places.slice(this.#mirrors), ...this.#places.slice(0, this.#mirrors)].filter(pulls);
  }

  /** What the first place answers that can. */
  async #firstOf<T>(
    places: readonly MirrorPlace[],
    op: Op | undefined,
    ask: (place: MirrorPlace) => Promise<T>,
    mayAskNext: () => boolean = () => true,
  ): Promise<T> {
    let failure: unknown = new SealiftError("CONFIG_INVALID", "expected a registry that may be asked, got none", {
      hint: "check the capabilities in hosts.toml, or leave mirrors out with --no-mirrors",
    });
    for (const [position, place] of places.entries()) {
      const { host, isDetour } = place.endpoint;
      if (isDetour && !isSealiftError(failure, "UNREACHABLE")) continue;
      const lost = position < places.length - 1 ? this.#lost.get(host.origin) : undefined;
      if (lost !== undefined) {
        failure = lost;
        continue;
      }
      try {
        return await ask(place);
      } catch (error) {
        op?.signal?.throwIfAborted();
        if (!isFaultOfPlace(error) || !mayAskNext()) throw error;
        this.#note(place, error);
        failure = error;
      }
    }
    throw failure;
  }

  #note(place: MirrorPlace, error: SealiftError): void {
    const { code, message } = error;
    const { origin } = place.endpoint.host;
    // It has had all its tries.
    if (code === "UNREACHABLE" || minRetryDelay(error) !== undefined) this.#lost.set(origin, error);
    const position = this.#places.indexOf(place);
    const isOwn = position >= this.#mirrors;
    const hasDetour = this.#places[position + 1]?.endpoint.isDetour === true && code === "UNREACHABLE";
    const kind = `${origin} ${code}`;
    if (isOwn || hasDetour || code === "NOT_FOUND" || this.#warned.has(kind)) return;
    this.#warned.add(kind);
    this.#onEvent({ type: "warning", text: `the mirror ${place.repository.name} is passed over: ${message}` });
  }
}

function pulls({ endpoint }: MirrorPlace): boolean {
  return endpoint.pulls;
}

function isFaultOfPlace(error: unknown): error is SealiftError {
  return isSealiftError(error) && (error.exitCode === 4 || isSealiftError(error, "DIGEST_MISMATCH", "SIZE_MISMATCH"));
}
