import StreamZip from "node-stream-zip";
import { quote, SealiftError } from "../../errors/index.js";
import { mediumError } from "../../io/index.js";
import { MediumFile } from "../medium-file.js";
import type { FoundFile } from "./found-file.js";
import { readZipEnd, type ZipEnd, zipError } from "./zip-end.js";

// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7, 4.4.4, 4.4.5
const LOCAL_HEADER_SIZE = 30;
const LOCAL_SIGNATURE = 0x04034b50;
const CENTRAL_HEADER_SIZE = 46;
const ENCRYPTED = 0x0001;
/** The local header has zeros for the sizes and the CRC-32; they follow the data. */
const SIZES_FOLLOW = 0x0008;
const HEADER_ENCRYPTED = 0x2000;
const STORED = 0;
const DEFLATED = 8;
const IN_ZIP64 = 0xffffffff;
const ZIP64_FIELD = 0x0001;

// The largest that node-stream-zip takes: one header with its name and comment may
// be larger than the few hundred bytes it would take for a small ZIP.
const CHUNK_SIZE = 128 * 1024;

/** What node-stream-zip gives for an entry, with the fields that its types leave out. */
type Entry = StreamZip.ZipEntry & {
  readonly fnameLen: number;
  readonly extraLen: number;
  readonly comLen: number;
};

/**
 * The files in a ZIP: where their bytes lie in it, be they stored or deflated.
 * Names count by their last component only, and are never used as paths.
 *
 * node-stream-zip reads the central directory. The local headers, overlaps, and
 * later sizes and checksums are checked here: it would take them as they come.
 *
 * @throws SealiftError `BUNDLE_INVALID` if it is damaged or made to deceive, or
 * packed in a way that cannot be read; `MEDIUM_FAILED`.
 */
export async function zipEntries(path: string): Promise<readonly FoundFile[]> {
  await using file = await MediumFile.open(path);
  const label = quote(path);
  const end = await readZipEnd(file, label);
  const entries = await readDirectory(file, end, label);
  const found: FoundFile[] = [];
  let free = 0;
  for (const entry of entries.toSorted((a, b) => a.offset - b.offset)) {
    assertPlainName(entry.name, label);
    if (entry.offset < free) throw zipError(`expected the files in ${label} one after the other, got two that overlap`);
    const start = await dataStart(file, entry, label);
    free = start + entry.compressedSize;
    if (free > end.offset) {
      throw zipError(`expected ${quote(entry.name)} to end before the directory of ${label}, got more`);
    }
    if (!entry.isDirectory) found.push(asFound(entry, start, path));
  }
  return found;
}

async function readDirectory(file: MediumFile, end: ZipEnd, label: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  // Not closed: that would close our file.
  const zip = new StreamZip({ fd: file.fd, storeEntries: false, skipEntryNameValidation: true, chunkSize: CHUNK_SIZE });
  await new Promise<void>((resolve, reject) => {
    zip.on("entry", (entry) => entries.push(entry as Entry));
    zip.on("ready", resolve);
    zip.on("error", reject);
  }).catch((error: unknown) => {
    const failure = mediumError(error, "read", file.path);
    if (failure !== error) throw failure;
    throw zipError(`expected ${label} to have a directory of ${end.entries} files, got a damaged one`, error);
  });
  const size = entries.reduce((sum, entry) => sum + headerSize(entry), 0);
  if (entries.length === end.entries && size === end.size) return entries;
  throw zipError(`expected the directory of ${label} to have ${end.size} bytes, got ${size}`);
}

function headerSize({ fnameLen, extraLen, comLen }: Entry): number {
  return CENTRAL_HEADER_SIZE + fnameLen + extraLen + comLen;
}

// Some programs for Windows write backslashes between folders.
function assertPlainName(name: string, label: string): void {
  const isTrick = /^[\\/]|^[A-Za-z]:|\0/.test(name) || name.split(/[\\/]/).includes("..");
  if (isTrick) throw zipError(`expected the names in ${label} to stay within it, got ${quote(name)}`);
}

/** Where the bytes of an entry begin: after its local header, which must say what the directory says. */
async function dataStart(file: MediumFile, entry: Entry, label: string): Promise<number> {
  const header = await file.read(entry.offset, LOCAL_HEADER_SIZE);
  if (header.length < LOCAL_HEADER_SIZE || header.readUInt32LE(0) !== LOCAL_SIGNATURE) {
    throw zipError(`expected the header of ${quote(entry.name)} at byte ${entry.offset} of ${label}, got none`);
  }
  const nameSize = header.readUInt16LE(26);
  const rest = await file.read(entry.offset + LOCAL_HEADER_SIZE, nameSize + header.readUInt16LE(28));
  const sizes = localSizes(header, rest.subarray(nameSize));
  const follows = (header.readUInt16LE(6) & SIZES_FOLLOW) !== 0;
  const fits = (stated: number | undefined, value: number): boolean => stated === value || (follows && stated === 0);
  const agrees =
    rest.subarray(0, nameSize).toString() === entry.name &&
    header.readUInt16LE(8) === entry.method &&
    (header.readUInt16LE(6) & ENCRYPTED) === (entry.flags & ENCRYPTED) &&
    fits(header.readUInt32LE(14), entry.crc) &&
    fits(sizes.packed, entry.compressedSize) &&
    fits(sizes.unpacked, entry.size);
  if (!agrees) {
    throw zipError(
      `expected the header of ${quote(entry.name)} in ${label} to say what the directory says, got another`,
    );
  }
  return entry.offset + LOCAL_HEADER_SIZE + rest.length;
}

interface LocalSizes {
  readonly packed: number | undefined;
  readonly unpacked: number | undefined;
}

/** The sizes that a local header states, be it in its Zip64 field (APPNOTE.TXT, 4.5.3). */
function localSizes(header: Buffer, extra: Buffer): LocalSizes {
  const packed = header.readUInt32LE(18);
  const unpacked = header.readUInt32LE(22);
  const values = zip64Values(extra);
  return {
    unpacked: unpacked === IN_ZIP64 ? values.shift() : unpacked,
    packed: packed === IN_ZIP64 ? values.shift() : packed,
  };
}

function zip64Values(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== ZIP64_FIELD) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    return [0, 8].filter((start) => start + 8 <= field.length).map((start) => Number(field.readBigUInt64LE(start)));
  }
  return [];
}

function asFound(entry: Entry, offset: number, path: string): FoundFile {
  const label = `${quote(entry.name)} in ${quote(path)}`;
  const name = entry.name.split(/[\\/]/).at(-1) ?? "";
  const { size, compressedSize: packedSize, crc } = entry;
  const packing = packingOf(entry, label);
  if (packing === "none" && size !== packedSize) {
    throw zipError(`expected ${label}, which is not packed, to have one size, got ${packedSize} and ${size}`);
  }
  const file = { name, label, size, path, isInZip: true, offset };
  return { ...file, packing: packing === "deflated" ? { packedSize, crc32: crc } : packing };
}

function packingOf({ flags, method }: Entry, label: string): "none" | "deflated" | SealiftError {
  if ((flags & (ENCRYPTED | HEADER_ENCRYPTED)) !== 0) {
    return new SealiftError("BUNDLE_INVALID", `expected ${label} to be readable by anybody, got it encrypted`, {
      hint: "unpack the ZIP with its password, and name what was in it",
    });
  }
  if (method === STORED) return "none";
  if (method === DEFLATED) return "deflated";
  return new SealiftError("BUNDLE_INVALID", `expected ${label} to be stored or deflated, got method ${method}`, {
    hint: "unpack the ZIP with the program that made it, and name what was in it",
  });
}
