import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { run, textOf } from "./process.js";

/** File systems that a stick may have, with the command that makes each. */
const MAKERS = {
  ext4: ["mkfs.ext4", "-q"],
  vfat: ["mkfs.vfat", "-F", "32", "-s", "1"],
  exfat: ["mkfs.exfat"],
} as const;

export type StickKind = keyof typeof MAKERS;

/** The kinds of sticks that this machine's kernel can mount. No package brings those that it lacks. */
export async function mountableKinds(): Promise<ReadonlySet<string>> {
  // A driver that is a module is listed once it is loaded.
  for (const kind of Object.keys(MAKERS)) await run("modprobe", ["--quiet", kind]).catch(() => undefined);
  const known = await readFile("/proc/filesystems", "utf8");
  return new Set(known.split(/\s+/));
}

/** A file with a file system in it, mounted as a stick would be. Whoever owns the folder unmounts it. */
export class Stick {
  readonly folder: string;
  readonly #device: string;

  private constructor(folder: string, device: string) {
    this.folder = folder;
    this.#device = device;
  }

  /**
   * @param image - Where the file system is kept.
   * @param folder - A folder to mount it in.
   * @param size - As truncate takes it.
   */
  static async plugIn(kind: StickKind, image: string, folder: string, size: string): Promise<Stick> {
    const [make, ...options] = MAKERS[kind];
    await textOf("truncate", ["--size", size, image]);
    await textOf(make, [...options, image]);
    await textOf("mount", ["--types", kind, "--options", "loop", image, folder]);
    return new Stick(folder, basename(await textOf("findmnt", ["--noheadings", "--output", "SOURCE", folder])));
  }

  /** How many bytes the device was read and written, ever. */
  async traffic(): Promise<{ readonly read: number; readonly written: number }> {
    await textOf("sync", ["--file-system", this.folder]);
    // In sectors of 512 bytes (Documentation/block/stat.rst of Linux).
    const fields = (await readFile(`/sys/block/${this.#device}/stat`, "utf8")).trim().split(/\s+/).map(Number);
    return { read: (fields[2] ?? 0) * 512, written: (fields[6] ?? 0) * 512 };
  }

  /** Sets its write protection. */
  async protect(isProtected: boolean): Promise<void> {
    await textOf("mount", ["--options", `remount,${isProtected ? "ro" : "rw"}`, this.folder]);
  }

  /** What lies on it, but for what a file system puts there itself. */
  async names(): Promise<readonly string[]> {
    return (await readdir(this.folder)).filter((name) => name !== "lost+found").toSorted();
  }
}
