import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bytesOf } from "../support/interop/process.js";
import { Registry } from "../support/interop/registry.js";
import { Sealift } from "../support/interop/sealift.js";
import { TempFolder } from "../support/temp-folder.js";
import { type BenchImage, pushImages } from "./images.js";
import { type Command, type Measured, measure } from "./measure.js";

const PROGRAM = fileURLToPath(new URL("../../bin/sealift.js", import.meta.url));

/** The `sealift` command as a user runs it. */
export function sealiftCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
  return { program: process.execPath, args: [PROGRAM, ...args], env };
}

/** What the rows work with: a registry with images, a key pair, and a folder for what they write. */
export class Workbench implements AsyncDisposable {
  readonly near: Registry;
  readonly images: readonly BenchImage[];
  readonly #folder: TempFolder;
  readonly #keys: Sealift;
  #bundle: Promise<string> | undefined;

  private constructor(folder: TempFolder, keys: Sealift, near: Registry, images: readonly BenchImage[]) {
    this.#folder = folder;
    this.#keys = keys;
    this.near = near;
    this.images = images;
  }

  /** @param size - Of all images together, in bytes. */
  static async open(size: number): Promise<Workbench> {
    const folder = await TempFolder.create();
    // Gigabytes must not stay behind when the bench is interrupted.
    process.once("exit", () => rmSync(folder.path, { recursive: true, force: true, maxRetries: 3 }));
    const keys = await Sealift.in(folder.file("home"));
    const near = await Registry.start(folder.file("near"));
    return new Workbench(folder, keys, near, await pushImages(near.host, size));
  }

  /** The names of the images in the near registry. */
  get names(): readonly string[] {
    return this.images.map(({ repository, tag }) => `${this.near.host}/${repository}:${tag}`);
  }

  path(name: string): string {
    return this.#folder.file(name);
  }

  /** `sealift VERB ARG…`, with the key of this bench. */
  sealift(verb: "export" | "verify" | "import", ...args: readonly string[]): Command {
    const key = verb === "export" ? this.#keys.privateKey : this.#keys.publicKey;
    // Neither the keys nor the credentials of whoever runs the bench.
    const home = this.path("home");
    const env = { HOME: home, XDG_CONFIG_HOME: home, COSIGN_PASSWORD: this.#keys.password };
    return sealiftCommand([verb, ...args, "--key", key], env);
  }

  /** A bundle of all images, made once. */
  bundle(): Promise<string> {
    this.#bundle ??= this.#makeBundle();
    return this.#bundle;
  }

  /** Measures commands that write to an empty folder, which is then removed. */
  async measureInFolder(commands: (folder: string) => readonly Command[]): Promise<Measured> {
    const folder = await mkdtemp(this.path("output-"));
    try {
      return await this.measureSettled(commands(folder));
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** Measures commands that write to an empty registry, which is then removed. */
  async measureIntoRegistry(commands: (host: string) => readonly Command[]): Promise<Measured> {
    const folder = await mkdtemp(this.path("far-"));
    try {
      await using far = await Registry.start(folder);
      return await this.measureSettled(commands(far.host));
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** Measures commands once all that was written before is on the disk, so that they do not wait for it. */
  async measureSettled(commands: readonly Command[]): Promise<Measured> {
    await bytesOf("sync", ["--file-system", this.#folder.path]);
    return await measure(commands);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.near[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }

  async #makeBundle(): Promise<string> {
    const bundle = join(this.#folder.path, "bundle.tar");
    await measure([this.sealift("export", ...this.names, "--output", bundle)]);
    return bundle;
  }
}
