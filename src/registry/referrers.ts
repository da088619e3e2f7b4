import { isSealiftError, SealiftError } from "../errors/index.js";
import {
  attachmentTags,
  type Descriptor,
  type Digest,
  descriptorSchema,
  listOf,
  MAX_MANIFEST_SIZE,
  MEDIA_TYPE,
  objectOf,
  parseJson,
  type RawManifest,
  referrersTag,
} from "../oci/index.js";
import type { FoundReferrer, Op, ReferrerListing } from "../ports/index.js";
import { readBody } from "./body.js";
import type { Answer } from "./http.js";
import { nextPage } from "./link.js";
import { fetchManifest, mediaTypeOf, putManifest, resolve } from "./manifests.js";
import { withReferrers } from "./referrers-index.js";
import type { Remote, RepositoryCall } from "./remote.js";
import { isRefusal } from "./transient.js";

// What is attested every day has some hundreds.
const MAX_REFERRERS = 1000;

// At ten to a page; a page may also be empty, and name a next one all the same.
const MAX_PAGES = 100;

// What registries say that do not know the endpoint: 404 by the distribution
// specification; the others came up in go-containerregistry (pkg/v1/remote/referrers.go) and for methods in general.
const NO_API_STATUSES = [400, 404, 405, 406, 501];

interface Page {
  readonly descriptors: readonly Descriptor[];
  readonly next: URL | undefined;
}

const pageSchema = objectOf({ manifests: listOf(descriptorSchema).nullable() });

/**
 * What refers to the manifests of one repository: by the referrers API, else by
 * the tag that stands in for it (distribution-spec, "Listing Referrers" and
 * "Unavailable Referrers API"), and by cosign's tags.
 */
export class Referrers {
  readonly #remote: Remote;
  readonly #writers = new Map<Digest, Promise<void>>();
  // Whoever lacks it lacks it for all subjects: each of them costs one request less.
  #hasNoApi = false;

  constructor(remote: Remote) {
    this.#remote = remote;
  }

  /** `ReferrerLister.referrers` of a repository. */
  async list({ digest }: Descriptor, op?: Op): Promise<ReferrerListing> {
    const refusals: SealiftError[] = [];
    const ask = async <T>(question: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await question();
      } catch (error) {
        // Behind a tag for signatures, a kind of manifest that is not carried may be one.
        if (!isRefusal(error) && !isSealiftError(error, "UNSUPPORTED_MANIFEST")) throw error;
        refusals.push(error);
        return undefined;
      }
    };
    const listed =
      (await ask(() => this.#listedByApi(digest, op))) ?? (await ask(() => this.#listedByTag(digest, op))) ?? [];
    const referrers: FoundReferrer[] = unique(listed).map((descriptor) => ({ descriptor }));
    for (const tag of attachmentTags(digest)) {
      const descriptor = await ask(() => this.#resolveTag(tag, op));
      if (descriptor !== undefined) referrers.push({ descriptor, tag });
    }
    return { referrers, refusals };
  }

  /** `ReferrerStore.putReferrers` of a repository. */
  async put(subject: Digest, manifests: readonly RawManifest[], op?: Op): Promise<void> {
    for (const manifest of manifests) await putManifest(this.#remote, manifest, undefined, op);
    // A registry may claim with OCI-Subject what it does not do, or do it without
    // a claim; whoever looks for signatures asks the list, and so is it asked here.
    const listed = await this.#listedByApi(subject, op).catch((error: unknown) => {
      if (isRefusal(error)) return undefined;
      throw error;
    });
    const digests = new Set(listed?.map(({ digest }) => digest));
    const unlisted = manifests.filter(({ descriptor }) => !digests.has(descriptor.digest));
    if (unlisted.length > 0) await this.#inTurn(subject, () => this.#addToTag(subject, unlisted, op));
  }

  /** What the API lists; undefined if there is no such API. */
  async #listedByApi(subject: Digest, op: Op | undefined): Promise<Descriptor[] | undefined> {
    if (this.#hasNoApi) return undefined;
    const wanted = `the referrers of ${subject} in ${this.#remote.name}`;
    const found: Descriptor[] = [];
    let url: URL | undefined = this.#remote.url(`referrers/${subject}`);
    for (let pages = 0; url !== undefined; pages += 1) {
      if (pages === MAX_PAGES) throw protocolError(wanted, `more than ${MAX_PAGES} pages`);
      const statuses = pages === 0 ? [200, ...NO_API_STATUSES] : [200];
      const headers = { accept: MEDIA_TYPE.ociIndex };
      const call: RepositoryCall = { method: "GET", url, wanted, headers, statuses, op };
      const page: Page | undefined = await this.#remote.requestAndRead(call, (answer) =>
        this.#readPage(answer, wanted),
      );
      if (page === undefined && pages > 0) throw protocolError(wanted, "a page of another kind than the first one");
      this.#hasNoApi = page === undefined;
      if (page === undefined) return undefined;
      found.push(...page.descriptors);
      if (found.length > MAX_REFERRERS) throw protocolError(wanted, `more than ${MAX_REFERRERS}`);
      url = page.next;
    }
    return found;
  }

  async #readPage(answer: Answer, wanted: string): Promise<Page | undefined> {
    if (!isIndex(answer)) {
      answer.discard();
      return undefined;
    }
    const next = nextPage(this.#remote, answer, wanted);
    const { bytes, isWhole } = await readBody(answer, MAX_MANIFEST_SIZE);
    if (!isWhole) throw protocolError(wanted, `a page of more than ${MAX_MANIFEST_SIZE} bytes from ${answer.url.host}`);
    const { manifests } = parseJson(bytes, pageSchema, wanted, "REGISTRY_PROTOCOL");
    return { descriptors: manifests ?? [], next };
  }

  async #listedByTag(subject: Digest, op: Op | undefined): Promise<Descriptor[]> {
    const tag = referrersTag(subject);
    const descriptor = await this.#resolveTag(tag, op);
    // Some mirrors give such tags to the images themselves.
    if (descriptor === undefined || !isReferrersIndex(descriptor, subject)) return [];
    const wanted = `the referrers of ${subject} at ${this.#remote.name}:${tag}`;
    const { bytes } = await fetchManifest(this.#remote, descriptor, op);
    const { manifests } = parseJson(bytes, pageSchema, wanted, "REGISTRY_PROTOCOL");
    if (manifests !== null && manifests.length > MAX_REFERRERS) throw protocolError(wanted, `${manifests.length}`);
    return manifests ?? [];
  }

  /** Read, modify, write: nobody but this process may do so at the same time, and it does it in turn. */
  async #addToTag(subject: Digest, manifests: readonly RawManifest[], op: Op | undefined): Promise<void> {
    const tag = referrersTag(subject);
    const there = await this.#resolveTag(tag, op);
    if (there !== undefined && !isReferrersIndex(there, subject)) {
      throw new SealiftError(
        "DENIED",
        `expected the tag ${this.#remote.name}:${tag} to list what refers to ${subject}, got something else there`,
        {
          hint: "the registry keeps signatures under such tags: free it, or leave the signatures out with sealift export --no-referrers",
        },
      );
    }
    const old = there && (await fetchManifest(this.#remote, there, op));
    const index = withReferrers(old, manifests, `the referrers of ${subject} at ${this.#remote.name}:${tag}`);
    if (index !== undefined) await putManifest(this.#remote, index, tag, op);
  }

  /** What a tag names; undefined if it names nothing. */
  async #resolveTag(tag: string, op: Op | undefined): Promise<Descriptor | undefined> {
    const { host, repository } = this.#remote;
    try {
      return await resolve(this.#remote, { registry: host.registry, repository, tag }, op);
    } catch (error) {
      if (isSealiftError(error, "NOT_FOUND")) return undefined;
      throw error;
    }
  }

  async #inTurn(subject: Digest, write: () => Promise<void>): Promise<void> {
    const before = this.#writers.get(subject) ?? Promise.resolve();
    const written = before.then(write);
    // Whoever waits is not concerned by a failure.
    this.#writers.set(
      subject,
      written.catch(() => undefined),
    );
    await written;
  }
}

// An Artifact Registry once led to an HTML page here.
function isIndex(answer: Answer): boolean {
  return answer.status === 200 && mediaTypeOf(answer) === MEDIA_TYPE.ociIndex;
}

function isReferrersIndex({ mediaType, digest }: Descriptor, subject: Digest): boolean {
  return mediaType === MEDIA_TYPE.ociIndex && digest !== subject;
}

function unique(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()];
}

function protocolError(wanted: string, came: string): SealiftError {
  return new SealiftError("REGISTRY_PROTOCOL", `expected ${wanted}, got ${came}`);
}
