import { writeFile } from "node:fs/promises";
import { sampleImage, sampleIndex, sampleLayer } from "../support/images.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { FakeHost } from "./fake-host.js";

/** A scene with two images in its near registry, and its key pair in files. */
export class Stage implements AsyncDisposable {
  readonly scene: Scene;
  /** `HOST/team/app:1.0`, for linux/amd64 and linux/arm64. */
  readonly app: string;
  /** `HOST/library/tiny:2`. */
  readonly tiny: string;
  readonly privateKey: string;
  readonly publicKey: string;

  private constructor(scene: Scene) {
    this.scene = scene;
    this.app = `${scene.near.host}/team/app:1.0`;
    this.tiny = `${scene.near.host}/library/tiny:2`;
    this.privateKey = scene.folder.file("test.key");
    this.publicKey = scene.folder.file("test.pub");
  }

  static async create(): Promise<Stage> {
    const stage = new Stage(await Scene.create());
    const { near, keys } = stage.scene;
    await writeFile(stage.privateKey, keys.privateKeyPem);
    await writeFile(stage.publicKey, keys.publicKeyPem);
    const image = async (content: string, platform: string) =>
      sampleImage({ layers: [await sampleLayer({ content })], platform });
    const platforms = ["linux/amd64", "linux/arm64"];
    const children = await Promise.all(
      platforms.map(async (platform) => ({ image: await image(platform, platform), platform })),
    );
    storeImage(near.storage, "team/app", "1.0", sampleIndex(children));
    storeImage(near.storage, "library/tiny", "2", await image("tiny", "linux/amd64"));
    return stage;
  }

  /** Where bundles are written. */
  get bundle(): string {
    return this.scene.bundle;
  }

  /** Writes the bundle with both images, past the command line. */
  async export(): Promise<void> {
    await this.scene.export(["team/app:1.0", "library/tiny:2"]);
  }

  /** A host whose user has no trusted keys. */
  host(env: NodeJS.ProcessEnv = {}): FakeHost {
    return new FakeHost({ HOME: this.scene.folder.path, ...env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}
