import { dirname } from "node:path";
import { isSealiftError, SealiftError } from "../../errors/index.js";
import type { Digest } from "../../oci/index.js";
import type { CommitOp, JournaledBlob, Leftover, RandomAccessSink, ResumableSink } from "../../ports/index.js";
import { ANY_FILE_SYSTEM, assertFileSize, type FileSystem } from "./file-system.js";
import { Journal } from "./journal.js";
import { findLeft, journalPathOf, type LeftFile } from "./left-file.js";
import type { PartialBundle, PartialBundleMaker } from "./partial-bundle.js";
import { asidePathOf, PartialFile, partialPathOf } from "./partial-file.js";
import type { Stamp } from "./stamp.js";

// Less than this, in bytes, is as soon fetched again, and not worth a file left lying about.
const MIN_KEPT = 64 * 1024;

/**
 * A file that has its final name only once it is whole. Until then it is
 * `NAME.partial`, with a journal beside it; both stay when a run ends early,
 * for the next one.
 */
export class FileSink implements ResumableSink {
  readonly order: RandomAccessSink["order"];
  readonly #path: string;
  readonly #maker: PartialBundleMaker;
  /** The `.partial` that an earlier run left, as long as nothing has been begun. */
  #left: LeftFile | undefined;
  /** What was set aside because something else was begun. */
  #aside: LeftFile | undefined;
  #file: PartialBundle | undefined;
  #beginning: Promise<PartialBundle> | undefined;
  #journal: Journal | undefined;
  #indexDigest: Digest | undefined;
  /** How many bytes of which blobs are known to have been written, for a later run. */
  readonly #noted = new Map<Digest, number>();
  #notedBytes = 0;
  /** Whether what was written is of no use to a later run: it does not fit, or the medium does not keep it. */
  #isUseless = false;
  #isCommitted = false;
  #isDurable = false;

  private constructor(path: string, order: RandomAccessSink["order"], maker: PartialBundleMaker) {
    this.#path = path;
    this.order = order;
    this.#maker = maker;
  }

  /**
   * Finds what earlier runs left; writes nothing yet. Whoever calls holds the lock on `path`.
   *
   * @param replaced - What `stampOfReplaced` gave when `path` was found fit to
   * be replaced; if it is something else in the end, it stays.
   * @param maker - What it is made of; by default, one file at `path`.
   * @throws SealiftError `MEDIUM_FAILED`.
   */
  static async create(
    path: string,
    replaced: Stamp | undefined,
    fileSystem: FileSystem = ANY_FILE_SYSTEM,
    maker: PartialBundleMaker = fileMaker(path, replaced, fileSystem),
  ): Promise<FileSink> {
    const sink = new FileSink(path, fileSystem.order, maker);
    sink.#left = await findLeft(maker, partialPathOf(path));
    sink.#aside = await findLeft(maker, asidePathOf(path));
    return sink;
  }

  /** Whether all of it is on the medium, its name included; after {@link commit}. Not all systems can tell of names. */
  get isDurable(): boolean {
    return this.#isDurable;
  }

  get kept(): string | undefined {
    if (this.#isCommitted || this.#isUseless || this.#notedBytes < MIN_KEPT) return undefined;
    return this.#file?.partialPath;
  }

  get leftovers(): readonly Leftover[] {
    return [this.#left, this.#aside].flatMap((left) => (left === undefined ? [] : left.leftover));
  }

  async begin(indexDigest: Digest): Promise<Leftover | undefined> {
    const left = this.#left;
    this.#left = undefined;
    this.#indexDigest = indexDigest;
    const isSame = left?.content.indexDigest === indexDigest;
    if (isSame) {
      this.#file = left.file;
      this.#journal = left.journal;
      for (const { digest, length } of left.content.blobs.values()) this.#count(digest, length);
    } else {
      if (left !== undefined) await this.#setAside(left);
      this.#file = await this.#maker.begin();
      this.#journal = await Journal.begin(journalPathOf(partialPathOf(this.#path)), indexDigest);
    }
    this.#file.onDurable = () => void this.#journal?.sync();
    return isSame ? left.leftover : undefined;
  }

  async allocate(size: number): Promise<void> {
    this.#maker.assertFits(size);
    const file = await this.#begun();
    const [room, has] = await Promise.all([file.room(size), file.size()]);
    if (room < size && !(await this.#giveUpAside(size))) throw this.#noRoom(size, room);
    if (this.order === "any" || has > size) await this.#attempt(() => file.resize(size));
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    const file = this.#file ?? (await this.#begun());
    await this.#attempt(() => file.write(position, bytes));
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    return await (await this.#begun()).read(position, length);
  }

  note(blob: JournaledBlob): void {
    this.#journal?.note(blob);
    this.#count(blob.digest, blob.length);
  }

  async commit(op: CommitOp = {}): Promise<void> {
    const file = await this.#begun();
    try {
      await file.sync();
      await file.seal(this.#indexDigest, op);
    } catch (error) {
      // What the medium has not kept, the system may still remember: a later run
      // that hashes it would find it good. A medium that is gone keeps it anyway.
      if (isSealiftError(error, "MEDIUM_FAILED", "NO_SPACE", "FILE_TOO_LARGE")) this.#isUseless = true;
      throw error;
    }
    op.signal?.throwIfAborted();
    try {
      this.#isDurable = await file.rename();
    } catch (error) {
      // What lies there now is another run's, and so is its journal.
      if (isSealiftError(error, "LOCKED")) this.#isUseless = true;
      throw error;
    }
    this.#isCommitted = true;
    await this.#journal?.remove();
    await this.#aside?.discard();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#left?.close();
    await this.#aside?.close();
    if (this.#isCommitted) return;
    if (this.kept !== undefined) {
      await this.#journal?.close();
      await this.#file?.keep();
    } else {
      await this.#journal?.remove();
      await this.#file?.discard();
    }
  }

  async #begun(): Promise<PartialBundle> {
    // Writes come in parallel, also where nobody has called begin.
    return (this.#file ??= await (this.#beginning ??= this.#maker.begin()));
  }

  #count(digest: Digest, length: number): void {
    this.#notedBytes += length - (this.#noted.get(digest) ?? 0);
    this.#noted.set(digest, length);
  }

  /** Keeps the one of two leftovers that has more to offer. */
  async #setAside(left: LeftFile): Promise<void> {
    if (left.bytes === 0 || (this.#aside?.bytes ?? 0) > left.bytes) {
      await left.discard();
      return;
    }
    await this.#aside?.discard();
    await left.setAside();
    this.#aside = left;
  }

  /** What was set aside spares a download, and is not worth failing for. Whether there is room without it. */
  async #giveUpAside(size: number): Promise<boolean> {
    const aside = this.#aside;
    if (aside === undefined || (await aside.file.room(size)) < size) return false;
    this.#aside = undefined;
    await aside.discard();
    return true;
  }

  async #attempt<T>(attempt: () => Promise<T>): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      // What does not fit will not fit the next time, either, and takes room from others.
      if (isSealiftError(error, "NO_SPACE", "FILE_TOO_LARGE")) this.#isUseless = true;
      throw error;
    }
  }

  #noRoom(size: number, room: number): SealiftError {
    return new SealiftError("NO_SPACE", `expected room for ${size} bytes in ${dirname(this.#path)}, got ${room}`, {
      hint: "free some room, or choose another medium with --output",
    });
  }
}

function fileMaker(path: string, replaced: Stamp | undefined, fileSystem: FileSystem): PartialBundleMaker {
  return {
    assertFits: (size) => {
      assertFileSize(path, size, fileSystem);
    },
    begin: () => PartialFile.begin(path, replaced),
    find: (partialPath) => PartialFile.find(path, replaced, partialPath),
  };
}
