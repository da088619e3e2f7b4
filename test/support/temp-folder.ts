import { type FileHandle, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of its own for a test, gone when disposed. */
export class TempFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<TempFolder> {
    return new TempFolder(await mkdtemp(join(tmpdir(), "sealift-test-")));
  }

  /** A path in the folder. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** What is in it, sorted. */
  async names(): Promise<readonly string[]> {
    return (await readdir(this.path)).toSorted();
  }

  /** What all file handles inherit their calls from, to have a medium fail on demand. */
  async fileHandles(): Promise<FileHandle> {
    await using handle = await open(this.path);
    return Object.getPrototypeOf(handle) as FileHandle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
