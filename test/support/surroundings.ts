import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Surroundings } from "../../src/registry/surroundings.js";
import { TempFolder } from "./temp-folder.js";

/** A machine without any configuration. */
export const BARE_MACHINE: Surroundings = { env: { HOME: "/no/such/home" }, root: "/no/such/root" };

/** A machine of a test's own, with the files that the test puts there. */
export class TestMachine implements AsyncDisposable {
  readonly #folder: TempFolder;
  /** Its environment; a test may add to it before the client is made. */
  readonly env: Record<string, string>;

  private constructor(folder: TempFolder) {
    this.#folder = folder;
    this.env = { HOME: folder.file("home") };
  }

  static async create(files: Readonly<Record<string, string>> = {}): Promise<TestMachine> {
    const machine = new TestMachine(await TempFolder.create());
    await machine.write(files);
    return machine;
  }

  /** What clients are told of it. */
  get surroundings(): Surroundings {
    return { env: this.env, root: this.#folder.path };
  }

  /** Where a file of the machine really lies: `etc/docker/daemon.json`, `home/.config/…`. */
  path(name: string): string {
    return join(this.#folder.path, name);
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(this.path(name)), { recursive: true });
      await writeFile(this.path(name), text);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}
