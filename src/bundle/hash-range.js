// Plain JavaScript because hash-worker.js, which is loaded as it is, needs it.
import { createHash } from "node:crypto";
import { readSync } from "node:fs";

/**
 * @typedef {object} HashRequest
 * @property {number} fd - Open in this process, for reading.
 * @property {number} position - In bytes, as is `length`.
 * @property {number} length
 * @property {"sha256" | "sha512"} algorithm
 */

// Small enough to stay in the processor's cache between being read and being
// hashed, large enough that the read calls do not count.
const CHUNK_SIZE = 128 * 1024;

const buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE);

/**
 * Hashes a range of a file, and pauses every `step` bytes to tell how many
 * there were since the last time.
 *
 * @param {HashRequest} request
 * @param {number} step
 * @returns {Generator<number, { hex: string, read: number }, void>} In the end
 * the hexadecimal hash, and how many bytes of the range there were.
 */
export function* hashRange({ fd, position, length, algorithm }, step) {
  const hash = createHash(algorithm);
  let read = 0;
  let told = 0;
  while (read < length) {
    const count = readSync(fd, buffer, 0, Math.min(CHUNK_SIZE, length - read), position + read);
    if (count === 0) break;
    hash.update(buffer.subarray(0, count));
    read += count;
    if (read - told >= step) {
      yield read - told;
      told = read;
    }
  }
  yield read - told;
  return { hex: hash.digest("hex"), read };
}
