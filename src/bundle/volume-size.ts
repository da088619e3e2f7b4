import { quote, SealiftError } from "../errors/index.js";

// Tar is made of these. A part that ends with one never ends within a header.
const BLOCK_SIZE = 512;

/** What stands for the size of a part of a certain medium; in bytes. */
const NAMED_SIZES: ReadonlyMap<string, number> = new Map([
  // A file on FAT32 has less than 4 GiB: its directory entry has 32 bits for the size.
  ["fat32", 2 ** 32 - BLOCK_SIZE],
  // A DVD+R has 2,295,104 sectors of 2048 bytes (ECMA-349), fewer than a DVD-R. UDF
  // takes 0.9 MB of it for itself, as genisoimage writes it; the rest is for the
  // volumes file and the sums.
  ["dvd", 2_295_104 * 2048 - 2 * 1024 * 1024],
]);

const UNITS: ReadonlyMap<string, number> = new Map([
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
]);

/** The smallest part that somebody can want, in bytes: a floppy disk has 1.44 MB. */
const MIN_SIZE = 1_000_000;

const HINT = "write it as 4GB, 4GiB, 700MB, fat32 or dvd";

/**
 * Reads the size of parts: `4GB`, `3.9 GiB`, `fat32`, `dvd`.
 *
 * @returns bytes, in whole blocks of 512.
 * @throws SealiftError `USAGE`.
 */
export function parseVolumeSize(text: string): number {
  const named = NAMED_SIZES.get(text.toLowerCase());
  if (named !== undefined) return named;
  // 4G means 4 GiB to split, and 4 GB to others.
  const [, number, unit = ""] = /^([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([a-z]+)$/i.exec(text) ?? [];
  const factor = UNITS.get(unit.toLowerCase());
  if (number === undefined || factor === undefined) {
    throw new SealiftError("USAGE", `expected a size of volumes with its unit, got ${quote(text)}`, { hint: HINT });
  }
  const size = Number(number) * factor;
  if (size >= MIN_SIZE && size <= Number.MAX_SAFE_INTEGER) return Math.floor(size / BLOCK_SIZE) * BLOCK_SIZE;
  const limits = `from ${MIN_SIZE} to ${Number.MAX_SAFE_INTEGER} bytes`;
  throw new SealiftError("USAGE", `expected a size of volumes ${limits}, got ${quote(text)}`, { hint: HINT });
}
