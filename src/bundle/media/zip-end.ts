import { SealiftError } from "../../errors/index.js";
import type { MediumFile } from "../medium-file.js";

/** Where the central directory of a ZIP lies, and how much is in it. All in bytes but `entries`. */
export interface ZipEnd {
  readonly entries: number;
  readonly offset: number;
  readonly size: number;
}

// The records at the end of a ZIP, from the last one backwards
// (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.14 to 4.3.16).
const END_SIGNATURE = 0x06054b50;
const END_SIZE = 22;
const MAX_COMMENT_SIZE = 0xffff;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_SIZE = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_SIZE = 56;
// Stands in a field whose value is in the Zip64 record.
const IN_ZIP64_16 = 0xffff;
const IN_ZIP64_32 = 0xffffffff;

// A set has 999 parts at most, and a portal wraps a handful of files.
const MAX_ENTRIES = 10_000;
const MAX_DIRECTORY_SIZE = 16 * 1024 * 1024;

// Between the Zip64 record and the end lie 42 bytes and a comment. With a longer
// one, node-stream-zip 1.16 looks for the locator in the wrong place, and throws
// where nobody can catch it.
const MAX_ZIP64_COMMENT_SIZE = 512;

const CENTRAL_HEADER_SIZE = 46;

/**
 * Reads how a ZIP ends, and refuses one whose end could be read in two ways, or
 * promises more than any portal wraps. node-stream-zip takes the same records
 * on trust: it looks for a Zip64 record through all of the file, in memory, and
 * throws in a callback where one is cut off.
 *
 * @param label - Names the ZIP in errors.
 * @throws SealiftError `BUNDLE_INVALID`, `MEDIUM_FAILED`.
 */
export async function readZipEnd(file: MediumFile, label: string): Promise<ZipEnd> {
  const tailSize = Math.min(file.size, END_SIZE + MAX_COMMENT_SIZE + LOCATOR_SIZE + END64_SIZE);
  const tail = await file.read(file.size - tailSize, tailSize);
  const at = tail.lastIndexOf(signature(END_SIGNATURE));
  const comment = at < 0 || tail.length - at < END_SIZE ? -1 : tail.readUInt16LE(at + 20);
  if (comment !== tail.length - at - END_SIZE) {
    throw zipError(`expected ${label} to be a ZIP with its directory at its end, got something else there`);
  }
  const locatorAt = at - LOCATOR_SIZE;
  const isZip64 = locatorAt >= 0 && tail.readUInt32LE(locatorAt) === LOCATOR_SIGNATURE;
  const end = isZip64 ? readEnd64(tail, locatorAt, file.size, label) : readEnd(tail, at, label);
  const recordsAt = file.size - tail.length + (isZip64 ? locatorAt - END64_SIZE : at);
  assertBounds(end, recordsAt, label);
  return end;
}

function readEnd(tail: Buffer, at: number, label: string): ZipEnd {
  const end = {
    entries: tail.readUInt16LE(at + 10),
    size: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
  const onThisDisk = tail.readUInt16LE(at + 8);
  assertOneDisk(tail.readUInt16LE(at + 4), onThisDisk, end.entries, label);
  if (end.entries === IN_ZIP64_16 || end.size === IN_ZIP64_32 || end.offset === IN_ZIP64_32) {
    throw zipError(`expected ${label} to have a Zip64 record before its end, got none`);
  }
  return end;
}

function readEnd64(tail: Buffer, locatorAt: number, fileSize: number, label: string): ZipEnd {
  const at = locatorAt - END64_SIZE;
  const isWhole =
    at >= 0 &&
    tail.readUInt32LE(at) === END64_SIGNATURE &&
    tail.readBigUInt64LE(at + 4) === BigInt(END64_SIZE - 12) &&
    tail.readBigUInt64LE(locatorAt + 8) === BigInt(fileSize - tail.length + at);
  // A second one in what follows would be the one that others find.
  const isOnlyOne = tail.lastIndexOf(signature(END64_SIGNATURE)) === at;
  const comment = tail.length - locatorAt - LOCATOR_SIZE - END_SIZE;
  if (!isWhole || !isOnlyOne || comment > MAX_ZIP64_COMMENT_SIZE) {
    throw zipError(`expected the Zip64 record of ${label} right before its locator, got something else`);
  }
  const entries = Number(tail.readBigUInt64LE(at + 32));
  assertOneDisk(tail.readUInt32LE(at + 16), Number(tail.readBigUInt64LE(at + 24)), entries, label);
  const end = {
    entries,
    size: Number(tail.readBigUInt64LE(at + 40)),
    offset: Number(tail.readBigUInt64LE(at + 48)),
  };
  assertSameInEnd(tail, locatorAt + LOCATOR_SIZE, end, label);
  return end;
}

/** What the older record says beside the Zip64 one is the same, or refers to that. */
function assertSameInEnd(tail: Buffer, at: number, { entries, size, offset }: ZipEnd, label: string): void {
  const pairs = [
    [tail.readUInt16LE(at + 8), entries, IN_ZIP64_16],
    [tail.readUInt16LE(at + 10), entries, IN_ZIP64_16],
    [tail.readUInt32LE(at + 12), size, IN_ZIP64_32],
    [tail.readUInt32LE(at + 16), offset, IN_ZIP64_32],
  ] as const;
  if (pairs.every(([stated, value, reference]) => stated === reference || stated === value)) return;
  throw zipError(`expected the two records at the end of ${label} to say the same, got two directories`);
}

function assertOneDisk(disk: number, onThisDisk: number, entries: number, label: string): void {
  if (disk === 0 && onThisDisk === entries) return;
  throw new SealiftError("BUNDLE_INVALID", `expected ${label} to be a whole ZIP, got a part of a split one`, {
    hint: "unpack it with the program that made it, and name what was in it",
  });
}

function assertBounds({ entries, offset, size }: ZipEnd, recordsAt: number, label: string): void {
  if (entries > MAX_ENTRIES || size > MAX_DIRECTORY_SIZE) {
    throw zipError(
      `expected ${label} to have at most ${MAX_ENTRIES} files and ${MAX_DIRECTORY_SIZE} bytes of names, got ${entries} and ${size}`,
    );
  }
  if (offset + size !== recordsAt || size < entries * CENTRAL_HEADER_SIZE) {
    throw zipError(
      `expected the directory of ${label} to lie right before its end, at byte ${recordsAt - size}, got ${offset}`,
    );
  }
}

/** The error for a ZIP that is damaged or made to deceive. */
export function zipError(message: string, cause?: unknown): SealiftError {
  return new SealiftError("BUNDLE_INVALID", message, {
    hint: "the ZIP is damaged, or made to deceive: get it again from where it was made",
    cause,
  });
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
