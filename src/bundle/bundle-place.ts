import { dirname } from "node:path";
import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import type { RandomAccessSource } from "../ports/index.js";
import { FileSource } from "./file-source.js";
import { openRandomMedium } from "./open-medium.js";
import { FileSink } from "./sinks/file-sink.js";
import { type FileSystem, fileSystemOf } from "./sinks/file-system.js";
import { findReplacedVolumes, finishRenames, type ReplacedVolumes, siblingOf } from "./sinks/replaced-volumes.js";
import { lstatOf, type Stamp, stampOfReplaced } from "./sinks/stamp.js";
import { createVolumeSink } from "./sinks/volume-sink.js";
import { type VolumesFile, volumesFileName } from "./volumes-file.js";

/** The parts that a bundle was cut into, as its volumes file has them. */
export type Volumes = Omit<VolumesFile, "formatVersion">;

/** Where a bundle is to be written, as one file or as volumes, and what is there now. */
export class BundlePlace implements AsyncDisposable {
  readonly #path: string;
  readonly #volumeSize: number | undefined;
  readonly #fileSystem: FileSystem;
  readonly #found: Stamp | ReplacedVolumes | undefined;
  #replaced: RandomAccessSource | undefined;
  #sink: FileSink | undefined;
  #volumes: Volumes | undefined;

  private constructor(
    path: string,
    volumeSize: number | undefined,
    fileSystem: FileSystem,
    found: Stamp | ReplacedVolumes | undefined,
  ) {
    this.#path = path;
    this.#volumeSize = volumeSize;
    this.#fileSystem = fileSystem;
    this.#found = found;
  }

  /**
   * Looks at a place. Whoever calls holds the lock on `path`.
   *
   * @param volumeSize - Of the parts, in bytes; without it, the bundle is one file.
   * @throws SealiftError `FILE_EXISTS` if what is there must not be replaced,
   * `CONFIG_INVALID`, `MEDIUM_FAILED`.
   */
  static async open(path: string, volumeSize: number | undefined): Promise<BundlePlace> {
    const fileSystem = await fileSystemOf(dirname(path));
    await assertOneForm(path, volumeSize);
    if (volumeSize === undefined) {
      const stamp = await stampOfReplaced(path);
      const place = new BundlePlace(path, volumeSize, fileSystem, stamp);
      if (stamp !== undefined) place.#replaced = await FileSource.open(path);
      return place;
    }
    await finishRenames(path);
    const found = await findReplacedVolumes(path);
    const place = new BundlePlace(path, volumeSize, fileSystem, found);
    if (found.isWhole) place.#replaced = await openParts(found.parts);
    return place;
  }

  /** The bundle that is to be replaced; undefined if there is none, or not all of it is here. */
  get replaced(): RandomAccessSource | undefined {
    return this.#replaced;
  }

  /** The parts, if the bundle was cut; once the sink is committed. */
  get volumes(): Volumes | undefined {
    return this.#volumes;
  }

  /** Whether all of the bundle is on the medium, its name included; once the sink is committed. */
  get isDurable(): boolean {
    return this.#sink?.isDurable ?? false;
  }

  /** A sink that puts the bundle in this place. */
  async createSink(): Promise<FileSink> {
    this.#sink = await this.#newSink();
    return this.#sink;
  }

  /** Closes the bundle that is to be replaced: Windows replaces no file that is open. */
  async closeReplaced(): Promise<void> {
    const replaced = this.#replaced;
    this.#replaced = undefined;
    await replaced?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeReplaced();
  }

  async #newSink(): Promise<FileSink> {
    const found = this.#found;
    const fileSystem = this.#fileSystem;
    if (this.#volumeSize === undefined || found === undefined || !("stamps" in found)) {
      return await FileSink.create(this.#path, found as Stamp | undefined, fileSystem);
    }
    const onVolumes = (volumes: Volumes): void => {
      this.#volumes = volumes;
    };
    const where = { path: this.#path, partSize: this.#volumeSize, replaced: found };
    return await createVolumeSink({ ...where, fileSystem, onVolumes });
  }
}

/**
 * A bundle as one file and its like in parts would lie beside each other, one of
 * them old, and nobody could tell which one is meant.
 */
async function assertOneForm(path: string, volumeSize: number | undefined): Promise<void> {
  const [other, what] =
    volumeSize === undefined
      ? [siblingOf(path, volumesFileName), "no parts of a bundle of that name"]
      : [path, "no bundle that is one file"];
  const stats = await lstatOf(other);
  if (stats === undefined) return;
  if (stats.isDirectory()) {
    throw new SealiftError("FILE_EXISTS", `expected the name of a bundle, got ${quote(other)}, which is a folder`, {
      hint: "name a file in that folder",
    });
  }
  throw new SealiftError("FILE_EXISTS", `expected ${what} beside the new one, got ${quote(other)}`, {
    hint: "move or delete the old one first, or choose another name",
  });
}

/** A set that cannot be read is replaced as if it were not there, like any damaged bundle. */
async function openParts(paths: readonly string[]): Promise<RandomAccessSource | undefined> {
  try {
    return (await openRandomMedium(paths)).source;
  } catch (error) {
    if (isSealiftError(error, "BUNDLE_INVALID", "VOLUME_MISSING")) return undefined;
    throw error;
  }
}
