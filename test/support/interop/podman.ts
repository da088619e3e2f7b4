import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { textOf } from "./process.js";

interface ListedImage {
  readonly Id: string;
  readonly Names?: readonly string[] | null;
}

/** podman with a storage of its own. It has no daemon, so there is nothing to stop. */
export class Podman {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async in(folder: string): Promise<Podman> {
    await mkdir(join(folder, "tmp"), { recursive: true });
    return new Podman(folder);
  }

  podman(args: readonly string[]): Promise<string> {
    const inFolder = (name: string): string => join(this.#folder, name);
    const own = ["--root", inFolder("root"), "--runroot", inFolder("runroot"), "--tmpdir", inFolder("tmp")];
    // podman unpacks into TMPDIR, which is /var/tmp otherwise.
    const env = { TMPDIR: inFolder("tmp") };
    return textOf("podman", [...own, "--storage-driver", "vfs", ...args], { env });
  }

  /** The ID of every image, as a digest, by each of its names. */
  async idsByName(): Promise<ReadonlyMap<string, string>> {
    const listed = await this.#images();
    return new Map(listed.flatMap(({ Id, Names }) => (Names ?? []).map((name) => [name, `sha256:${Id}`] as const)));
  }

  /** The ID of every image, as a digest, whether it has a name or not. */
  async ids(): Promise<readonly string[]> {
    return (await this.#images()).map(({ Id }) => `sha256:${Id}`);
  }

  async #images(): Promise<readonly ListedImage[]> {
    return JSON.parse(await this.podman(["images", "--format", "json"])) as ListedImage[];
  }
}
