import { statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { mediumError } from "../../io/index.js";
import { type Digest, digestOf } from "../../oci/index.js";
import type { CommitOp } from "../../ports/index.js";
import {
  edgesOf,
  encodeSums,
  encodeVolumesFile,
  MAX_PARTS,
  partName,
  sumsFileName,
  type VolumePart,
  type VolumesFile,
  volumesFileName,
} from "../volumes-file.js";
import { assertRoomForFiles, blocksOf, type FileSystem, type FreeRoom } from "./file-system.js";
import { PartSums, sumParts } from "./part-sums.js";
import type { PartialBundle } from "./partial-bundle.js";
import { PartialFile } from "./partial-file.js";
import { assertUnchanged, type ReplacedVolumes, removeReplaced, siblingOf } from "./replaced-volumes.js";
import { syncFolderAt } from "./sync-folder.js";
import { type Slice, slicesOf } from "./volume-cut.js";

// In bytes. A line of the journal takes 230 at most, and there is one for each
// blob, and for each 8 MiB of a large one.
const JOURNAL_SIZE = 64 * 1024;
const JOURNAL_SHARE = 1 / 30_000;

/** What a bundle is cut into, and where. */
export interface VolumeOptions {
  /** The bundle's path: the parts' names are this and a number. Whoever calls holds its lock. */
  readonly path: string;
  /** Of every part but the last; in bytes. */
  readonly partSize: number;
  readonly replaced: ReplacedVolumes;
  readonly fileSystem: FileSystem;
  /** Elsewhere than in tests, statfs(2). */
  readonly ask?: (path: string) => Promise<FreeRoom>;
  /** Told what the parts are, before they get their names. */
  readonly onVolumes?: (volumes: Omit<VolumesFile, "formatVersion">) => void;
}

/**
 * The parts of a bundle that is not whole yet.
 *
 * Names are given in an order that leaves nothing that could be taken for what it
 * is not, and loses neither the set that is replaced nor the new one, wherever a
 * run ends (docs/decisions/0007):
 *
 * 1. all parts are whole and synced, as `.partial`; only now is anything touched
 *    of what is replaced;
 * 2. the record, `NAME.volumes.json.partial`, and the sums are written and synced:
 *    from here on the next run finishes the renames, without any download;
 * 3. the parts get their names, each durably. Of a mixture, the old volumes file
 *    and the old sums say that it is one, and so do the signed index and digests;
 * 4. parts that the old set has more of are removed;
 * 5. the sums get their name, and the volumes file, which ends the record.
 */
export class PartialVolumes implements PartialBundle {
  readonly #options: VolumeOptions;
  readonly #parts: (Promise<PartialFile> | undefined)[] = [];
  /** The parts that were written to since all was known to be on the medium. */
  readonly #dirty = new Set<number>();
  readonly #sums = new PartSums();
  #suffix: string;
  #failure: Error | undefined;
  #sealed: { readonly volumes: Omit<VolumesFile, "formatVersion">; readonly files: PartialFile[] } | undefined;
  #isNaming = false;
  onDurable: (() => void) | undefined;

  constructor(options: VolumeOptions, suffix: string) {
    this.#options = options;
    this.#suffix = suffix;
  }

  get partialPath(): string {
    return `${this.#path(0)}${this.#suffix}`;
  }

  async beginFirst(): Promise<void> {
    await this.#part(0);
  }

  /** Takes up all parts that are there; false if they are not of this size. */
  async find(): Promise<boolean> {
    const { partSize, replaced } = this.#options;
    for (let at = 0; at < MAX_PARTS; at += 1) {
      const path = this.#path(at);
      const part = await PartialFile.find(path, replaced.stamps.get(path), `${path}${this.#suffix}`);
      if (part === undefined) break;
      this.#use(at, part);
    }
    const sizes = await this.#sizes();
    return (
      sizes.length > 0 && sizes.every((size, at) => (at < sizes.length - 1 ? size === partSize : size <= partSize))
    );
  }

  async setAside(): Promise<void> {
    for (const part of await this.#all()) await part.setAside();
    this.#suffix = (await this.#part(0)).partialPath.slice(this.#path(0).length);
  }

  async size(): Promise<number> {
    return (await this.#sizes()).reduce((sum, size) => sum + size, 0);
  }

  async room(size: number): Promise<number> {
    const { path, ask = statfs } = this.#options;
    const parts = await this.#all();
    const occupied = await Promise.all(parts.map((part) => part.occupied()));
    const free = await ask(dirname(path)).catch((error: unknown) => {
      throw mediumError(error, "measure the room for", path);
    });
    const sizes = this.#sizesOf(size);
    // The volumes file and the sums are made beside the parts.
    assertRoomForFiles(path, Math.max(0, sizes.length - parts.length) + 2, free);
    const taken = blocksOf([...sizes, ...this.#sizesBeside(sizes)], free.bsize);
    const room = free.bavail * free.bsize + occupied.reduce((sum, bytes) => sum + bytes, 0);
    return Math.max(0, room - (taken - size));
  }

  async resize(size: number): Promise<void> {
    const sizes = this.#sizesOf(size);
    for (const [at, partSize] of sizes.entries()) await (await this.#part(at)).resize(partSize);
    for (const part of this.#parts.splice(sizes.length)) await (await part)?.discard();
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    await Promise.all(this.#slices(position, bytes.length).map((slice) => this.#write(slice, bytes)));
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const slices = this.#slices(position, length);
    const read = async ({ part, position: start, length: piece }: Slice) => (await this.#part(part)).read(start, piece);
    const [first, ...others] = await Promise.all(slices.map(read));
    if (first !== undefined && others.length === 0) return first;
    return Buffer.concat([first ?? new Uint8Array(), ...others]);
  }

  async sync(): Promise<void> {
    // What failed in between is not said twice by the system.
    if (this.#failure !== undefined) throw this.#failure;
    for (const part of await this.#all()) await part.sync();
  }

  async seal(indexDigest: Digest | undefined, op: CommitOp): Promise<void> {
    if (indexDigest === undefined) throw new Error("nobody said which bundle this is");
    const { path, partSize, onVolumes } = this.#options;
    const parts = await this.#describe(op);
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const volumes = { set: indexDigest, size, partSize, parts };
    const bytes = encodeVolumesFile(volumes);
    const sums = await this.#writeBeside(sumsFileName, encodeSums(basename(path), volumes, bytes));
    const record = await this.#writeBeside(volumesFileName, bytes);
    this.#sealed = { volumes, files: [sums, record] };
    await syncFolderAt(dirname(path));
    onVolumes?.(volumes);
  }

  async rename(): Promise<boolean> {
    if (this.#sealed === undefined) throw new Error("nothing was sealed");
    const { replaced } = this.#options;
    const kept = new Set([...(await this.#all()), ...this.#sealed.files].map(({ path }) => path));
    for (const path of new Set([...kept, ...replaced.stamps.keys()]))
      await assertUnchanged(path, replaced.stamps.get(path));
    this.#isNaming = true;
    let isDurable = true;
    for (const part of await this.#all()) isDurable = (await part.rename()) && isDurable;
    await removeReplaced(replaced.stamps, kept);
    for (const file of this.#sealed.files) isDurable = (await file.rename()) && isDurable;
    return isDurable;
  }

  async keep(): Promise<void> {
    await this.#dropRecord();
    for (const part of this.#parts) await (await part?.catch(() => undefined))?.keep();
  }

  async discard(): Promise<void> {
    // Half of the old set may be gone already: what the record lists must stay.
    if (this.#isNaming) {
      await this.keep();
      return;
    }
    await this.#dropRecord();
    for (const part of this.#parts) await (await part?.catch(() => undefined))?.discard();
  }

  async #dropRecord(): Promise<void> {
    for (const file of this.#sealed?.files ?? []) await (this.#isNaming ? file.keep() : file.discard());
  }

  #path(at: number): string {
    return pathOfPart(this.#options.path, at);
  }

  #part(at: number): Promise<PartialFile> {
    const path = this.#path(at);
    const begin = async () =>
      this.#prepared(at, await PartialFile.begin(path, this.#options.replaced.stamps.get(path)));
    return (this.#parts[at] ??= begin());
  }

  #use(at: number, part: PartialFile): void {
    this.#parts[at] = Promise.resolve(this.#prepared(at, part));
  }

  #prepared(at: number, part: PartialFile): PartialFile {
    part.onDurable = () => void this.#passOn(at);
    return part;
  }

  async #all(): Promise<PartialFile[]> {
    return await Promise.all(this.#parts.flatMap((part) => part ?? []));
  }

  async #sizes(): Promise<number[]> {
    return await Promise.all((await this.#all()).map((part) => part.size()));
  }

  /** How large the parts of a bundle of this size are. */
  #sizesOf(size: number): readonly number[] {
    const { partSize } = this.#options;
    const count = Math.max(1, Math.ceil(size / partSize));
    return Array.from({ length: count }, (_, at) => Math.min(partSize, size - at * partSize));
  }

  /** How large is what lies beside parts of these sizes: the volumes file, the sums, the journal, and a longer folder. */
  #sizesBeside(sizes: readonly number[]): readonly number[] {
    const name = basename(this.#options.path);
    const sum = "0".repeat(64);
    const parts = sizes.map((size, at) => ({ name: partName(name, at + 1), size, sha256: sum, edges: sum }));
    const size = sizes.reduce((total, each) => total + each, 0);
    const set = digestOf(new Uint8Array());
    const volumes = encodeVolumesFile({ set, size, partSize: this.#options.partSize, parts });
    const sums = encodeSums(name, { parts }, volumes);
    return [volumes.length, sums.length, JOURNAL_SIZE + Math.ceil(size * JOURNAL_SHARE), 1];
  }

  #slices(position: number, length: number): readonly Slice[] {
    return slicesOf(position, length, this.#options.partSize);
  }

  async #write({ part, position, start, length }: Slice, bytes: Uint8Array): Promise<void> {
    const piece = bytes.subarray(start, start + length);
    await (await this.#part(part)).write(position, piece);
    this.#dirty.add(part);
    // Elsewhere, bytes come in an order that no sum can be made of.
    if (this.#options.fileSystem.order === "in-order") this.#sums.take(part, position, piece);
  }

  /** What is durable in one part says nothing of the others. */
  async #passOn(durable: number): Promise<void> {
    const others = [...this.#dirty].filter((at) => at !== durable);
    this.#dirty.clear();
    this.#dirty.add(durable);
    try {
      for (const at of others) await (await this.#part(at)).sync();
      this.onDurable?.();
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  async #describe(op: CommitOp): Promise<VolumePart[]> {
    const files = await this.#all();
    const sizes = await this.#sizes();
    const written = files.map((file, at) => ({ path: file.partialPath, fd: file.fd, size: sizes[at] ?? 0 }));
    const sums = await sumParts(written, this.#sums, op);
    const parts: VolumePart[] = [];
    for (const [at, file] of files.entries()) {
      const size = sizes[at] ?? 0;
      const edges = await edgesOf(size, (position, length) => file.read(position, length));
      parts.push({ name: partName(basename(this.#options.path), at + 1), size, sha256: sums[at] ?? "", edges });
    }
    return parts;
  }

  async #writeBeside(nameOf: (name: string) => string, bytes: Uint8Array): Promise<PartialFile> {
    const path = siblingOf(this.#options.path, nameOf);
    const file = await PartialFile.begin(path, this.#options.replaced.stamps.get(path));
    try {
      await file.write(0, bytes);
      await file.sync();
      return file;
    } catch (error) {
      await file.discard();
      throw error;
    }
  }
}

/** Where a part is; the first one is 0. */
export function pathOfPart(path: string, at: number): string {
  return join(dirname(path), partName(basename(path), at + 1));
}
