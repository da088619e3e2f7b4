import { Readable } from "node:stream";
import { isSealiftError, SealiftError } from "../errors/index.js";
import type { Op, PlacedSource, RandomAccessSource, SequentialSource } from "../ports/index.js";
import { FileSource } from "./file-source.js";
import { AskedParts, type AskForMedium } from "./media/asked-parts.js";
import { type FoundFile, isDeflated, unpackedBytes } from "./media/found-file.js";
import { unpackTar } from "./media/outer-compression.js";
import { type Choice, chooseBundle, type PartSet } from "./media/part-set.js";
import { missingPart, type ResolvedPart, resolveParts } from "./media/resolve-parts.js";
import { scanMedia } from "./media/scan.js";
import { VolumeStream } from "./media/volume-stream.js";
import { ZipEntrySource } from "./media/zip-entry-source.js";
import { PipeSource } from "./pipe-source.js";
import { VolumeSource } from "./volume-source.js";

/** What stands for standard input among paths. */
const STDIN = "-";

/** A bundle that is open for reading, wherever it lies. */
export type Medium = RandomMedium | SequentialMedium;

/** A bundle whose bytes can be read in any order. */
export interface RandomMedium {
  readonly kind: "random";
  readonly source: RandomAccessSource & PlacedSource;
  /** What the user should know of how it is read. */
  readonly notes: readonly string[];
}

/** A bundle that comes by once. */
export interface SequentialMedium {
  readonly kind: "sequential";
  readonly source: SequentialSource;
  readonly notes: readonly string[];
}

/** What {@link openMedium} takes. */
export interface OpenMediumOptions extends Op {
  /**
   * Whether parts may be missing, cut off or wrong: reading there fails with
   * `VOLUME_MISSING` or `BUNDLE_INVALID`, or gives wrong bytes. The source has the
   * size that it should have, as far as that is known.
   */
  readonly tolerant?: boolean;
  /** Whether the next part may be on a medium that is yet to be plugged in. */
  readonly volumePrompt?: {
    /** Undefined if there is nobody to ask. */
    readonly ask: AskForMedium | undefined;
  };
  /** Where `-` comes from; without it, it is refused. */
  readonly stdin?: Readable;
}

/**
 * Opens the one bundle that `paths` name: its file, its parts in any order, its
 * volumes file, folders or ZIPs that hold these, a bundle that is compressed as
 * a whole, or `-`.
 *
 * @throws SealiftError `USAGE` (several bundles, or `-` and more), `FILE_NOT_FOUND`,
 * `CONFIG_INVALID`, `VOLUME_MISSING`, `BUNDLE_INVALID` (a wrong part, a ZIP that
 * cannot be read), `MEDIUM_FAILED`.
 */
export async function openMedium(paths: readonly string[], options: OpenMediumOptions = {}): Promise<Medium> {
  if (paths.includes(STDIN)) return openStdin(paths, options);
  const choice = await findBundle(paths, options);
  if (choice.kind === "set") return await openSet(choice.set, paths, options);
  const { file, isPackedTar } = choice;
  if (isPackedTar) {
    const { chunks, note } = await unpackTar(file);
    return sequential(chunks, file.label, options, [note]);
  }
  if (isDeflated(file.packing)) return sequential(unpackedBytes(file), file.label, options, [deflatedNote(file)]);
  const source = file.isInZip ? await ZipEntrySource.open(file) : await FileSource.open(file.path);
  return { kind: "random", source, notes: [] };
}

/**
 * Opens a bundle as {@link openMedium} does, for what cannot be done with one that comes by once.
 *
 * @throws SealiftError `USAGE` if it comes by once; as `openMedium`.
 */
export async function openRandomMedium(
  paths: readonly string[],
  options: Pick<OpenMediumOptions, "tolerant" | "signal"> = {},
): Promise<RandomMedium> {
  const medium = await openMedium(paths, options);
  if (medium.kind === "random") return medium;
  await medium.source[Symbol.asyncDispose]();
  throw new SealiftError("USAGE", `expected a bundle that can be read anywhere in it, got ${paths.join(" ")}`, {
    hint: `unpack it first. ${medium.notes.join(" ")}`,
  });
}

/** Where nothing is, and there is somebody to ask, the first stick is not plugged in yet: its folder need not be there. */
async function findBundle(paths: readonly string[], { volumePrompt }: OpenMediumOptions): Promise<Choice> {
  const ask = volumePrompt?.ask;
  for (;;) {
    const scan = await scanMedia(paths, ask !== undefined);
    try {
      return await chooseBundle(scan);
    } catch (error) {
      if (ask === undefined || !isSealiftError(error, "FILE_NOT_FOUND")) throw error;
      await ask(`${error.message}. Insert a medium with a part of the bundle, and press Enter`);
    }
  }
}

function openStdin(paths: readonly string[], { stdin, signal }: OpenMediumOptions): Medium {
  if (paths.length > 1) {
    throw new SealiftError("USAGE", `expected - alone, got it with ${paths.length - 1} more`, {
      hint: "name either - or where the bundle lies",
    });
  }
  if (stdin === undefined) {
    throw new SealiftError("USAGE", "expected a bundle that can be read anywhere in it, got standard input", {
      hint: "write it to a file first, and name that",
    });
  }
  return { kind: "sequential", source: new PipeSource(stdin, "standard input", opOf(signal)), notes: [] };
}

async function openSet(set: PartSet, paths: readonly string[], options: OpenMediumOptions): Promise<Medium> {
  const { tolerant = false, volumePrompt, signal } = options;
  const parts = await resolveParts(set, tolerant).catch((error: unknown) => {
    if (volumePrompt !== undefined && isSealiftError(error, "VOLUME_MISSING", "BUNDLE_INVALID")) return undefined;
    throw error;
  });
  // Without a volumes file, nobody knows yet how many parts there are.
  if (parts === undefined || (volumePrompt !== undefined && set.volumes === undefined)) {
    const feed = new AskedParts(paths, set, volumePrompt?.ask);
    return { kind: "sequential", source: new VolumeStream(feed, set.name, opOf(signal)), notes: [] };
  }
  const packed = parts.map(({ file }) => file).find(isPackedPart);
  if (packed === undefined) return { kind: "random", source: await VolumeSource.open(set, parts), notes: [] };
  const source = new VolumeStream(new GivenParts(set, parts), set.name, opOf(signal));
  return { kind: "sequential", source, notes: [deflatedNote(packed)] };
}

function isPackedPart(file: FoundFile | SealiftError): file is FoundFile {
  return !(file instanceof SealiftError) && isDeflated(file.packing);
}

/** Parts that are all there. */
class GivenParts {
  readonly #set: PartSet;
  readonly #parts: readonly ResolvedPart[];
  readonly count: number | undefined;

  constructor(set: PartSet, parts: readonly ResolvedPart[]) {
    this.#set = set;
    this.#parts = parts;
    this.count = set.volumes === undefined ? undefined : parts.length;
  }

  async part(number: number): Promise<FoundFile> {
    const file = this.#parts[number - 1]?.file ?? missingPart(this.#set, number);
    if (file instanceof SealiftError) throw file;
    return file;
  }

  async partIfThere(number: number): Promise<FoundFile | undefined> {
    return number > this.#parts.length ? undefined : await this.part(number);
  }
}

function sequential(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  { signal }: OpenMediumOptions,
  notes: readonly string[],
): Medium {
  const stream = Readable.from(chunks, { objectMode: false });
  return { kind: "sequential", source: new PipeSource(stream, name, opOf(signal)), notes };
}

function deflatedNote({ label }: FoundFile): string {
  return `${label} is packed: it is read once, from its start to its end, by one processor. To have it read where it lies, unpack the ZIP first, or have it made without compression`;
}

function opOf(signal: AbortSignal | undefined): Op {
  return signal === undefined ? {} : { signal };
}
