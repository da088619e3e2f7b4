import type { Readable } from "node:stream";
import type { Descriptor, Digest, RawManifest, Reference } from "../oci/index.js";
import type {
  BlobMounter,
  FetchOp,
  ImageDestination,
  ImageSource,
  Op,
  ReferrerLister,
  ReferrerListing,
  ReferrerStore,
  TagLister,
  TakeChunk,
} from "../ports/index.js";
import { fetchBlob } from "./blobs.js";
import { fetchManifest, putManifest, resolve } from "./manifests.js";
import { has } from "./presence.js";
import { Referrers } from "./referrers.js";
import type { Remote } from "./remote.js";
import { listTags } from "./tags.js";
import { mountBlob, putBlob } from "./uploads.js";

/**
 * A repository of a registry, to read from and to write to. Its connections
 * are those of the client that made it, and are closed with that.
 */
export class RegistryRepository
  implements ImageSource, ImageDestination, BlobMounter, ReferrerLister, ReferrerStore, TagLister
{
  readonly #remote: Remote;
  readonly #referrers: Referrers;

  constructor(remote: Remote) {
    this.#remote = remote;
    this.#referrers = new Referrers(remote);
  }

  /** As it stands in references: `docker.io/library/nginx`. */
  get name(): string {
    return this.#remote.name;
  }

  async resolve(reference: Reference, op?: Op): Promise<Descriptor> {
    return await resolve(this.#remote, reference, op);
  }

  async fetchManifest(descriptor: Descriptor, op?: Op): Promise<RawManifest> {
    return await fetchManifest(this.#remote, descriptor, op);
  }

  async fetchBlob(descriptor: Descriptor, take: TakeChunk, op?: FetchOp): Promise<void> {
    await fetchBlob(this.#remote, descriptor, take, op);
  }

  async has(descriptor: Descriptor, op?: Op): Promise<boolean> {
    return await has(this.#remote, descriptor, op);
  }

  async putBlob(descriptor: Descriptor, open: () => Promise<Readable>, op?: Op): Promise<void> {
    await putBlob(this.#remote, descriptor, open, op);
  }

  async putManifest(manifest: RawManifest, tag?: string, op?: Op): Promise<void> {
    await putManifest(this.#remote, manifest, tag, op);
  }

  async mountBlob(descriptor: Descriptor, from: Reference, op?: Op): Promise<boolean> {
    return await mountBlob(this.#remote, descriptor, from, op);
  }

  async referrers(subject: Descriptor, op?: Op): Promise<ReferrerListing> {
    return await this.#referrers.list(subject, op);
  }

  async putReferrers(subject: Digest, manifests: readonly RawManifest[], op?: Op): Promise<void> {
    await this.#referrers.put(subject, manifests, op);
  }

  tags(op?: Op): AsyncIterable<string> {
    return listTags(this.#remote, op);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
