import type pLimit from "p-limit";
import type { InventoryRepository } from "../../bundle/format/index.js";
import { isSealiftError, type SealiftError } from "../../errors/index.js";
import {
  type Descriptor,
  type Digest,
  formatRepository,
  isForeignLayerMediaType,
  parseManifest,
  type RawManifest,
  type Reference,
} from "../../oci/index.js";
import type { EventListener, ImageSource, Op } from "../../ports/index.js";
import { boundless, MetadataReader } from "../graph/metadata-reader.js";
import { readTags } from "./read-tags.js";

// As deep as images are walked on export and on import.
const MAX_DEPTH = 8;

// The largest published indexes list some hundred. Children that are not there
// take no bytes, so no bound of these would ever end their walk.
const MAX_MANIFESTS = 10_000;

/** What reading a repository needs. */
export interface RepositoryBlobsOptions extends Op {
  readonly openSource: (reference: Reference) => Promise<ImageSource>;
  readonly onEvent: EventListener;
}

/** Counts what all repositories have together, and fails where that is too much. */
export interface BlobCounter {
  addBlob(): void;
}

type ManifestReader = (descriptor: Descriptor) => Promise<RawManifest>;

/** The configs and layers of all images of one repository. */
export class RepositoryBlobs {
  readonly #reference: Reference;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #counter: BlobCounter;
  readonly #options: RepositoryBlobsOptions;
  readonly #visited = new Set<Digest>();
  readonly #blobs = new Map<Digest, number>();
  /** Of the tags that cannot be read, only one: a registry may list a million of them. */
  #firstBad: { readonly tag: string; readonly message: string } | undefined;
  #bad = 0;

  constructor(
    reference: Reference,
    limit: ReturnType<typeof pLimit>,
    counter: BlobCounter,
    options: RepositoryBlobsOptions,
  ) {
    this.#reference = reference;
    this.#limit = limit;
    this.#counter = counter;
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
    this.#counter.addBlob();
    this.#blobs.set(digest, size);
  }

  get #op(): Op {
    const { signal } = this.#options;
    return signal === undefined ? {} : { signal };
  }
}

// What one repository, tag or manifest can be refused for; a registry that is gone is gone for all.
export function isRefused(error: unknown): error is SealiftError {
  return isSealiftError(error) && (error.exitCode === 4 || error.exitCode === 3) && error.code !== "UNREACHABLE";
}
