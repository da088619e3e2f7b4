import { afterAll, beforeAll, beforeEach, inject } from "vitest";
import type { Daemon } from "./daemon.js";
import { IMAGES, type ImageKind } from "./images.js";
import { Registry } from "./registry.js";
import { Sealift } from "./sealift.js";
import { Workplace } from "./workplace.js";

/** What the tests of a file work with: a folder, the near registry with all images, and the command. */
export class Scene implements AsyncDisposable {
  readonly near: Registry;
  readonly sealift: Sealift;
  readonly #workplace: Workplace;
  readonly #started: (AsyncDisposable & { readonly daemon?: Daemon })[] = [];

  private constructor(workplace: Workplace, near: Registry, sealift: Sealift) {
    this.near = near;
    this.sealift = sealift;
    this.#workplace = workplace;
    this.#started.push(near);
  }

  static async open(): Promise<Scene> {
    const workplace = await Workplace.make();
    try {
      const sealift = await Sealift.in(workplace.join("home"));
      return new Scene(workplace, await Registry.start(inject("nearRegistry")), sealift);
    } catch (error) {
      await workplace[Symbol.asyncDispose]();
      throw error;
    }
  }

  path(...parts: readonly string[]): string {
    return this.#workplace.join(...parts);
  }

  /** Keeps a server until the last test of the file; one that is a process of its own has a log to print. */
  use<T extends AsyncDisposable & { readonly daemon?: Daemon }>(server: T): T {
    this.#started.push(server);
    return server;
  }

  /** The full name of an image on the near side. */
  name(kind: ImageKind): string {
    return `${this.near.host}/${IMAGES[kind]}`;
  }

  names(...kinds: readonly ImageKind[]): readonly string[] {
    return kinds.map((kind) => this.name(kind));
  }

  /** An image by its digest alone, and its ID. Of the index that it is in, runtimes load another one. */
  async untagged(): Promise<{ readonly name: string; readonly id: string }> {
    const repository = IMAGES.multi.replace(/:.*/, "");
    const image = `${repository}@${await this.near.childDigest(IMAGES.multi, "arm64")}`;
    return { name: `${this.near.host}/${image}`, id: await this.near.configDigest(image) };
  }

  async logs(): Promise<string> {
    return (await Promise.all(this.#started.map(async ({ daemon }) => (await daemon?.log()) ?? ""))).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#started.toReversed()) {
      await server[Symbol.asyncDispose]();
    }
    await this.#workplace[Symbol.asyncDispose]();
  }
}

/**
 * Opens a scene for the tests of the file, or of the describe block, and closes
 * it after them. When a test fails, the logs of its servers are printed.
 */
export function useScene(prepare: (scene: Scene) => Promise<void> = () => Promise.resolve()): () => Scene {
  let scene: Scene | undefined;
  beforeAll(async () => {
    scene = await Scene.open();
    await prepare(scene);
  });
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => console.error(await scene?.logs()));
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
  });
  return () => {
    if (scene === undefined) {
      throw new Error("expected a scene, but the tests have not begun");
    }
    return scene;
  };
}
