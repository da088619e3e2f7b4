import { type ExportToFileOptions, type ExportToFileResult, exportToFile } from "../../src/composition/index.js";
import { type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { makeKeys, type TestKeys } from "./keys.js";
import { BARE_MACHINE } from "./surroundings.js";
import { TempFolder } from "./temp-folder.js";

/** The usual stage of a test: a registry on each side of the gap, a key pair, and a folder for bundles. */
export class Scene implements AsyncDisposable {
  readonly near: RegistryServer;
  readonly far: RegistryServer;
  readonly keys: TestKeys;
  readonly folder: TempFolder;
  /** Where {@link Scene.export} writes. */
  readonly bundle: string;

  private constructor(near: RegistryServer, far: RegistryServer, keys: TestKeys, folder: TempFolder) {
    this.near = near;
    this.far = far;
    this.keys = keys;
    this.folder = folder;
    this.bundle = folder.file("bundle.tar");
  }

  static async create(): Promise<Scene> {
    return new Scene(await startRegistry(), await startRegistry(), await makeKeys(), await TempFolder.create());
  }

  /** Exports repositories (`app:tag`) of the near registry. */
  async export(images: readonly string[], options: Partial<ExportToFileOptions> = {}): Promise<ExportToFileResult> {
    return await exportToFile({
      images: images.map((image) => `${this.near.host}/${image}`),
      output: this.bundle,
      signer: this.keys.signer,
      created: new Date("2026-01-02T03:04:05Z"),
      ...options,
      registry: { surroundings: BARE_MACHINE, ...options.registry },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.near.close();
    await this.far.close();
    await this.folder[Symbol.asyncDispose]();
  }
}
