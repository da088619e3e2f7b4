// Plain JavaScript because hash-worker.js, which is loaded as it is, needs it.
import { createHash } from "node:crypto";
import { readSync } from "node:fs";

/**
 * @typedef {object} FileRange
 * @property {number} fd - Open in this process, for reading.
 * @property {number} position - In bytes, as is `length`.
 * @property {number} length
 */

/**
 * @typedef {object} HashRequest
 * @property {readonly FileRange[]} ranges - Hashed one after the other, as if they were one.
 * @property {"sha256" | "sha512" | "xxh64"} algorithm
 */

// Small enough to stay in the processor's cache between being read and being
// hashed, large enough that the read calls do not count.
const CHUNK_SIZE = 128 * 1024;

const buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE);

/** @type {(() => import("xxhash-wasm").XXHash<bigint>) | undefined} */
let newXxh64;

/**
 * Loads what {@link hashRange} needs for an algorithm, once.
 *
 * @param {HashRequest["algorithm"]} algorithm
 */
export async function prepareHash(algorithm) {
  if (algorithm !== "xxh64" || newXxh64 !== undefined) return;
  const { default: xxhash } = await import("xxhash-wasm");
  const hasher = await xxhash();
  newXxh64 = () => hasher.create64();
}

/**
 * @param {HashRequest["algorithm"]} algorithm
 * @returns {{ update(bytes: Uint8Array): unknown, hex: () => string }}
 */
function createHasher(algorithm) {
  if (algorithm !== "xxh64") {
    const hash = createHash(algorithm);
    return { update: (bytes) => hash.update(bytes), hex: () => hash.digest("hex") };
  }
  if (newXxh64 === undefined) throw new Error("xxh64 was not prepared");
  const hash = newXxh64();
  return { update: (bytes) => hash.update(bytes), hex: () => hash.digest().toString(16).padStart(16, "0") };
}

/**
 * Hashes ranges of files, and pauses every `step` bytes to tell how many
 * there were since the last time. {@link prepareHash} comes first.
 *
 * @param {HashRequest} request
 * @param {number} step
 * @returns {Generator<number, { hex: string, read: number }, void>} In the end
 * the hexadecimal hash, and how many bytes of the ranges there were up to the
 * first that ends early.
 * @throws What reading fails with, with the number of bytes before as `read`.
 */
export function* hashRange({ ranges, algorithm }, step) {
  const hash = createHasher(algorithm);
  let read = 0;
  let told = 0;
  for (const { fd, position, length } of ranges) {
    const end = read + length;
    while (read < end) {
      const count = readChunk(fd, position + length - (end - read), end - read, read);
      if (count === 0) break;
      hash.update(buffer.subarray(0, count));
      read += count;
      if (read - told >= step) {
        yield read - told;
        told = read;
      }
    }
    if (read < end) break;
  }
  yield read - told;
  return { hex: hash.hex(), read };
}

/**
 * @param {number} fd
 * @param {number} position
 * @param {number} length
 * @param {number} read
 */
function readChunk(fd, position, length, read) {
  try {
    return readSync(fd, buffer, 0, Math.min(CHUNK_SIZE, length), position);
  } catch (error) {
    throw Object.assign(/** @type {Error} */ (error), { read });
  }
}
