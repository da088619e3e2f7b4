import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { textOf } from "./process.js";

/** A temporary folder, which is removed with everything that is mounted in it. */
export class Workplace implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Workplace> {
    return new Workplace(await mkdtemp(join(tmpdir(), "sealift-interop-")));
  }

  join(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const mount of await mountsBelow(this.path)) {
      // Lazily, since a daemon that was killed may have left somebody in there.
      await textOf("umount", ["--lazy", mount]);
    }
    await rm(this.path, { recursive: true, force: true });
  }
}

/** The mount points below `folder`, the innermost first. */
async function mountsBelow(folder: string): Promise<readonly string[]> {
  const mounts = await readFile("/proc/self/mounts", "utf8");
  return mounts
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((mount) => mount.startsWith(`${folder}/`))
    .reverse();
}
