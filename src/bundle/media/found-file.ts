import { isSealiftError, quote, SealiftError } from "../../errors/index.js";
import { BUNDLE_INDEX_PATH, HEADER_BLOCK_SIZE, statedSize } from "../format/index.js";
import { MediumFile } from "../medium-file.js";
import { edgesOf } from "../volumes-file.js";
import { inflated } from "./inflate.js";

/** A file on a medium, or in a ZIP on one. Nothing is open: the medium can be pulled. */
export interface FoundFile {
  /** Its file name, without any folder. */
  readonly name: string;
  /** Names it and where it is, for messages; quoted. */
  readonly label: string;
  /** Unpacked, in bytes. */
  readonly size: number;
  /** The file on the medium that its bytes lie in: itself, or a ZIP. */
  readonly path: string;
  readonly isInZip: boolean;
  /** Where in that file they begin; in bytes. */
  readonly offset: number;
  /** How they are packed in a ZIP; an error if that cannot be unpacked here. */
  readonly packing: "none" | Deflated | SealiftError;
}

/** How an entry of a ZIP is packed. */
export interface Deflated {
  /** In bytes. */
  readonly packedSize: number;
  readonly crc32: number;
}

/** A file that lies on the medium as it is. */
export function plainFile(path: string, name: string, size: number): FoundFile {
  return { name, label: quote(path), size, path, isInZip: false, offset: 0, packing: "none" };
}

/**
 * Opens the file that a found file lies in, which was there a moment ago.
 *
 * @throws SealiftError `MEDIUM_FAILED` if it is gone, `CONFIG_INVALID`,
 * `BUNDLE_INVALID` if it is packed in a way that cannot be read.
 */
export async function openFound({ path, label, packing }: FoundFile): Promise<MediumFile> {
  if (packing instanceof SealiftError) throw packing;
  try {
    return await MediumFile.open(path);
  } catch (error) {
    if (!isSealiftError(error, "FILE_NOT_FOUND")) throw error;
    throw new SealiftError("MEDIUM_FAILED", `expected to read ${label}, which was there a moment ago, but it is gone`, {
      hint: "plug the medium in again, and run the same command again",
      cause: error,
    });
  }
}

/** Whether a file has to be unpacked to be read, from its first byte on. */
export function isDeflated(packing: FoundFile["packing"]): packing is Deflated {
  return packing !== "none" && !(packing instanceof SealiftError);
}

/** All bytes of a found file, unpacked; they fail unless there are exactly `size`. */
export async function* unpackedBytes(found: FoundFile): AsyncGenerator<Uint8Array> {
  await using file = await openFound(found);
  const { packing, offset, size, label } = found;
  if (isDeflated(packing)) {
    yield* inflated({ file, offset, size, label, ...packing });
    return;
  }
  for (let done = 0; done < size; ) {
    const bytes = await file.read(offset + done, Math.min(CHUNK_SIZE, size - done));
    if (bytes.length === 0) throw cutOff(label, size, done);
    done += bytes.length;
    yield bytes;
  }
}

// As a file source reads: the hops between threads do not count.
const CHUNK_SIZE = 512 * 1024;

/** The first bytes of a found file, at most `length`. */
export async function headOf(found: FoundFile, length: number): Promise<Buffer> {
  if (!isDeflated(found.packing)) {
    await using file = await openFound(found);
    return await file.read(found.offset, Math.min(length, found.size));
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of unpackedBytes(found)) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= length) break;
  }
  return Buffer.concat(chunks).subarray(0, length);
}

/** Whether a file begins as a bundle does. */
export async function beginsLikeBundle(found: FoundFile): Promise<boolean> {
  if (found.size < HEADER_BLOCK_SIZE) return false;
  return isBundleHead(await headOf(found, HEADER_BLOCK_SIZE));
}

/** Whether these are the first bytes of a bundle. */
export function isBundleHead(head: Uint8Array): boolean {
  return statedSize(head.subarray(0, HEADER_BLOCK_SIZE), BUNDLE_INDEX_PATH) !== undefined;
}

// Each is compared with every part that is looked for.
const knownEdges = new WeakMap<FoundFile, Promise<string | undefined>>();

/** {@link edgesOf} a found file; undefined for a packed one, which would have to be unpacked. */
export function foundEdges(found: FoundFile): Promise<string | undefined> {
  const known = knownEdges.get(found) ?? readEdges(found);
  knownEdges.set(found, known);
  return known;
}

async function readEdges(found: FoundFile): Promise<string | undefined> {
  if (isDeflated(found.packing)) return undefined;
  await using file = await openFound(found);
  return await edgesOf(found.size, async (position, length) => {
    const bytes = await file.read(found.offset + position, length);
    if (bytes.length < length) throw cutOff(found.label, found.size, position + bytes.length);
    return bytes;
  });
}

/** Whether two files that should hold the same do, as far as a few reads tell. */
export async function haveSameEdges(a: FoundFile, b: FoundFile): Promise<boolean> {
  if (a.path === b.path && a.offset === b.offset) return true;
  if (a.size !== b.size) return false;
  if (isDeflated(a.packing) && isDeflated(b.packing)) return a.packing.crc32 === b.packing.crc32;
  return (await foundEdges(a)) === (await foundEdges(b));
}

function cutOff(label: string, size: number, came: number): SealiftError {
  return new SealiftError("BUNDLE_INVALID", `expected ${label} to have ${size} bytes, got ${came}`, {
    hint: "the file was cut off while it was read: copy it again from where it was made",
  });
}
