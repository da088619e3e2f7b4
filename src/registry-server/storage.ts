import { type Digest, digestAlgorithm, digestOf, isDigest, type RawManifest } from "../oci/index.js";

interface Repository {
  readonly blobs: Set<Digest>;
  readonly manifests: Map<Digest, RawManifest>;
  readonly tags: Map<string, Digest>;
}

/**
 * What a registry holds, in memory. A blob is stored once, and is visible only
 * in the repositories it was put or mounted into, as in real registries.
 */
export class MemoryStorage {
  readonly #blobs = new Map<Digest, Uint8Array>();
  readonly #repositories = new Map<string, Repository>();

  /** The names of all repositories that hold something, sorted. */
  repositories(): string[] {
    return [...this.#repositories.keys()].sort();
  }

  /** The tags of a repository, sorted. */
  tags(repository: string): string[] {
    return [...(this.#repositories.get(repository)?.tags.keys() ?? [])].sort();
  }

  hasTag(repository: string, tag: string): boolean {
    return this.#repositories.get(repository)?.tags.has(tag) ?? false;
  }

  /** The manifest that a tag or a digest names. */
  manifest(repository: string, reference: string): RawManifest | undefined {
    const found = this.#repositories.get(repository);
    const digest = isDigest(reference) ? reference : found?.tags.get(reference);
    return digest === undefined ? undefined : found?.manifests.get(digest);
  }

  /** All manifests of a repository, in the order of their digests. */
  manifests(repository: string): RawManifest[] {
    const manifests = [...(this.#repositories.get(repository)?.manifests.values() ?? [])];
    return manifests.sort((a, b) => (a.descriptor.digest < b.descriptor.digest ? -1 : 1));
  }

  /** Stores a manifest under a tag or under its own digest; whether it is well-formed is not asked. */
  putManifest(repository: string, reference: string, mediaType: string, bytes: Uint8Array): RawManifest {
    const digest = digestOf(bytes, isDigest(reference) ? digestAlgorithm(reference) : "sha256");
    const manifest = { descriptor: { mediaType, digest, size: bytes.length }, bytes };
    const { manifests, tags } = this.#repository(repository);
    manifests.set(digest, manifest);
    if (!isDigest(reference)) tags.set(reference, digest);
    return manifest;
  }

  /** A blob, whichever repositories it is visible in. */
  blob(digest: Digest): Uint8Array | undefined {
    return this.#blobs.get(digest);
  }

  hasBlob(repository: string, digest: Digest): boolean {
    return this.#repositories.get(repository)?.blobs.has(digest) ?? false;
  }

  putBlob(repository: string, bytes: Uint8Array, digest: Digest = digestOf(bytes)): Digest {
    this.#blobs.set(digest, bytes);
    this.#repository(repository).blobs.add(digest);
    return digest;
  }

  /** Makes a blob of one repository visible in another; false if the first has no such blob. */
  mountBlob(from: string, to: string, digest: Digest): boolean {
    if (!this.hasBlob(from, digest)) return false;
    this.#repository(to).blobs.add(digest);
    return true;
  }

  #repository(name: string): Repository {
    let repository = this.#repositories.get(name);
    if (repository === undefined) {
      repository = { blobs: new Set(), manifests: new Map(), tags: new Map() };
      this.#repositories.set(name, repository);
    }
    return repository;
  }
}
