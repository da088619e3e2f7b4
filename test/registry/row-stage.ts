import { type ExportToFileResult, type ImportFileOptions, importFile } from "../../src/composition/index.js";
import type { ImportResult } from "../../src/operations/index.js";
import type { RegistryClientOptions } from "../../src/registry/index.js";
import { type Quirks, type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { noiseLayer, type SampleImage, sampleImage, sampleLayer } from "../support/images.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { BARE_MACHINE } from "../support/surroundings.js";

/** Who logs in. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** A registry of some vendor: how it behaves, and who logs in. */
export interface RegistryKind {
  readonly quirks: Quirks;
  readonly login?: Login;
}

/**
 * Images pulled from a registry of some vendor, or pushed into one. The other
 * side of the gap is a bare registry.
 */
export class RowStage implements AsyncDisposable {
  readonly scene: Scene;
  readonly app: SampleImage;
  readonly web: SampleImage;
  /** The milliseconds that were waited between tries. */
  readonly waits: number[] = [];

  private constructor(scene: Scene, app: SampleImage, web: SampleImage) {
    this.scene = scene;
    this.app = app;
    this.web = web;
  }

  /** A near registry with `team/app:1` and `team/web:1`, which share a layer of `size` bytes. */
  static async create(size = 64 * 1024): Promise<RowStage> {
    const scene = await Scene.create();
    const shared = await noiseLayer(size, "shared");
    const app = sampleImage({ layers: [shared] });
    const web = sampleImage({ layers: [shared, await sampleLayer({ web: "web" })] });
    storeImage(scene.near.storage, "team/app", "1", app);
    storeImage(scene.near.storage, "team/web", "1", web);
    return new RowStage(scene, app, web);
  }

  /** Exports from a near registry of this kind; the requests it got. */
  async pull(kind: RegistryKind, images: readonly string[] = ["team/app:1"]): Promise<string[]> {
    await this.export(kind, images);
    return this.scene.near.requestLines();
  }

  /** The same; what came of it. */
  async export(kind: RegistryKind, images: readonly string[]): Promise<ExportToFileResult> {
    this.scene.near.restage(kind.quirks);
    return await this.scene.export(images, { registry: this.#client(kind) });
  }

  /** Imports what was pulled, or both images, into a far registry of this kind. */
  async push(kind: RegistryKind, prefix = ""): Promise<ImportResult> {
    const { far, bundle, keys } = this.scene;
    await this.scene.export(["team/app:1", "team/web:1"]);
    far.restage(kind.quirks);
    const to = prefix === "" ? far.host : `${far.host}/${prefix}`;
    const registry = this.#client(kind);
    return await importFile(bundle, { trust: keys.trust, to, registry } satisfies ImportFileOptions);
  }

  /** A server with the near registry's blobs, to which that one redirects: `origin` is for its quirk. */
  async storage(quirks: Quirks): Promise<RegistryServer & { readonly origin: string }> {
    const server = await startRegistry({ quirks });
    storeImage(server.storage, "team/app", "1", this.app);
    return Object.assign(server, { origin: `http://${server.host}` });
  }

  /** The digests of all that `image` consists of, and which a repository of the far registry lacks. */
  missing(image: SampleImage, repository: string): string[] {
    const { storage } = this.scene.far;
    const blobs = [...image.blobs.keys()].filter((digest) => !storage.hasBlob(repository, digest));
    const manifests = image.manifests.map(({ descriptor }) => descriptor.digest);
    return [...blobs, ...manifests.filter((digest) => storage.manifest(repository, digest) === undefined)];
  }

  #client({ login }: RegistryKind): RegistryClientOptions {
    return {
      surroundings: BARE_MACHINE,
      credentials: async () => login,
      retry: { sleep: async (milliseconds) => void this.waits.push(milliseconds) },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}
