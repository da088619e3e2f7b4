import type { Readable } from "node:stream";
import type { Descriptor, RawManifest, Reference } from "../oci/index.js";
import type { BlobMounter, ImageDestination, ImageSource, Op, TakeChunk } from "../ports/index.js";
import { fetchBlob } from "./blobs.js";
import { fetchManifest, putManifest, resolve } from "./manifests.js";
import { has } from "./presence.js";
import type { Remote } from "./remote.js";
import { mountBlob, putBlob } from "./uploads.js";

/**
 * A repository of a registry, to read from and to write to. Its connections
 * are those of the client that made it, and are closed with that.
 */
export class RegistryRepository implements ImageSource, ImageDestination, BlobMounter {
  readonly #remote: Remote;

  constructor(remote: Remote) {
    this.#remote = remote;
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

  async fetchBlob(descriptor: Descriptor, take: TakeChunk, op?: Op): Promise<void> {
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

  async [Symbol.asyncDispose](): Promise<void> {}
}
