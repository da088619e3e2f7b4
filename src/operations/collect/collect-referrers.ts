import { type BundleReferrer, referrerKey } from "../../bundle/format/index.js";
import { isSealiftError, SealiftError } from "../../errors/index.js";
import { type Descriptor, type Digest, shortDigest } from "../../oci/index.js";
import {
  type EventListener,
  type ImageSource,
  isReferrerLister,
  type Op,
  type ReferrerLister,
} from "../../ports/index.js";
import type { ImageGraph } from "../graph/image-graph.js";
import { inParallel, type MetadataReader } from "../graph/metadata-reader.js";
import { aboutReferrers } from "../graph/referrer-error.js";
import {
  attestationsIn,
  attestedDigest,
  isAboutSubject,
  type WalkedReferrer,
  walkReferrer,
} from "../graph/referrer-graph.js";

// A signature of an attestation of an SBOM is three; a hostile registry could go on for ever.
const MAX_DEPTH = 8;

// What is attested every day has some hundreds, for all platforms together.
const MAX_REFERRERS = 1000;

/** An image that referrers are looked for, and where. */
export interface ReferrerSearch {
  /** Names the image in messages. */
  readonly name: string;
  readonly graph: ImageGraph;
  readonly source: ImageSource;
  readonly metadata: MetadataReader;
  readonly onEvent: EventListener;
  readonly op: Op;
}

/**
 * Finds what refers to an image: to its root, to everything below that which is
 * carried, and to what was found so, with all that hangs below it.
 *
 * What cannot be carried, is not there, or is about something else than it is
 * listed under is left out with a warning. So is what the registry refuses to speak
 * of: some refuse instead of saying that something is not there.
 *
 * @throws SealiftError as `ReferrerLister.referrers` and `ImageSource.fetchManifest`;
 * `REGISTRY_PROTOCOL` if there is no end to it.
 */
export async function collectReferrers(search: ReferrerSearch): Promise<readonly WalkedReferrer[]> {
  const { source } = search;
  if (!isReferrerLister(source)) return [];
  try {
    return await new Search(search, source).run();
  } catch (error) {
    throw aboutReferrers(error, search.name, "carry the image without them, with --no-referrers");
  }
}

/** The attestations that an image has among its own manifests: they come with it in any case. */
export async function ownAttestations(graph: ImageGraph, metadata: MetadataReader): Promise<readonly WalkedReferrer[]> {
  const walked: WalkedReferrer[] = [];
  for (const listed of attestationsIn(graph).values()) {
    const subject = attestedDigest(listed);
    if (subject !== undefined) walked.push(await walkReferrer({ descriptor: listed, subject }, metadata, listed));
  }
  return walked;
}

class Search {
  readonly #search: ReferrerSearch;
  readonly #lister: ReferrerLister;
  readonly #attestations: ReadonlyMap<Digest, Descriptor>;
  readonly #found = new Map<string, WalkedReferrer>();
  readonly #asked = new Set<Digest>();
  readonly #refusals: SealiftError[] = [];

  constructor(search: ReferrerSearch, lister: ReferrerLister) {
    this.#search = search;
    this.#lister = lister;
    this.#attestations = attestationsIn(search.graph);
  }

  async run(): Promise<readonly WalkedReferrer[]> {
    let graphs: readonly ImageGraph[] = [this.#search.graph];
    for (let depth = 0; graphs.length > 0; depth += 1) {
      if (depth > MAX_DEPTH) throw this.#endless(`what refers to each other over more than ${MAX_DEPTH} steps`);
      graphs = await this.#step(graphs);
    }
    const [refusal] = this.#refusals;
    if (refusal !== undefined) {
      this.#warn(
        `the registry does not say whether there are more signatures, attestations or SBOMs, and none of these is carried: ${refusal.message}`,
      );
    }
    return [...this.#found.values()];
  }

  /** Looks for what refers to the manifests of these graphs; the graphs of what was found. */
  async #step(graphs: readonly ImageGraph[]): Promise<readonly ImageGraph[]> {
    const subjects = new Map(
      graphs.flatMap(({ manifests }) => manifests.map(({ descriptor }) => [descriptor.digest, descriptor] as const)),
    );
    const unasked = [...subjects.values()].filter(({ digest }) => !this.#asked.has(digest));
    for (const { digest } of unasked) this.#asked.add(digest);
    const listed = (await inParallel(unasked, (subject) => this.#list(subject))).flat();
    const fresh = listed.filter((referrer) => !this.#found.has(referrerKey(referrer)));
    if (this.#found.size + fresh.length > MAX_REFERRERS) throw this.#endless(`more than ${MAX_REFERRERS} of them`);
    const walked = (await inParallel(fresh, (referrer) => this.#walk(referrer))).flat();
    for (const referrer of walked) this.#found.set(referrerKey(referrer.referrer), referrer);
    return walked.map(({ graph }) => graph);
  }

  async #list(subject: Descriptor): Promise<BundleReferrer[]> {
    const { referrers, refusals } = await this.#lister.referrers(subject, this.#search.op);
    this.#refusals.push(...refusals);
    return referrers.map((found) => ({ ...found, subject: subject.digest }));
  }

  /** The referrer with all below it; none if it is left out, and the user was told. */
  async #walk(referrer: BundleReferrer): Promise<WalkedReferrer[]> {
    const { descriptor, subject } = referrer;
    const { metadata } = this.#search;
    const what = `${shortDigest(descriptor.digest)}, listed as referring to ${shortDigest(subject)}, is left out`;
    const listed = this.#attestations.get(descriptor.digest);
    try {
      const walked = await walkReferrer(referrer, metadata, listed);
      if (isAboutSubject(walked, listed)) return [walked];
      this.#warn(`${what}: it says that it refers to ${walked.statement.subject ?? "nothing"}`);
    } catch (error) {
      if (metadata.isExhausted) throw this.#endless("more of them than memory holds");
      if (!isSealiftError(error, "NOT_FOUND", "UNSUPPORTED_MANIFEST", "MANIFEST_INVALID")) throw error;
      this.#warn(`${what}: ${error.message}`);
    }
    return [];
  }

  #warn(text: string): void {
    this.#search.onEvent({ type: "warning", text: `${this.#search.name}: ${text}` });
  }

  #endless(came: string): SealiftError {
    const expected = `expected an ordinary number of referrers of ${this.#search.name}`;
    return new SealiftError("REGISTRY_PROTOCOL", `${expected}, got ${came}`);
  }
}
