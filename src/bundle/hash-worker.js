// Hashes ranges of files on a thread of its own. This file is plain JavaScript
// because a worker thread loads it as it is: from src/ in the tests, from dist/
// in the package.
import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { parentPort } from "node:worker_threads";

/**
 * @typedef {object} HashRequest
 * @property {number} fd - Open in this process, for reading.
 * @property {number} position - In bytes, as is `length`.
 * @property {number} length
 * @property {"sha256" | "sha512"} algorithm
 */
/** @typedef {{ type: "progress", bytes: number } | { type: "done", hex: string, read: number } | { type: "failed", message: string, code: unknown, syscall: unknown }} HashReply */

// Small enough to stay in the processor's cache between being read and being
// hashed, large enough that the read calls do not count.
const CHUNK_SIZE = 128 * 1024;

// Often enough for a progress bar, seldom enough to cost nothing.
const PROGRESS_STEP = 16 * 1024 * 1024;

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread only");
const buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE);

port.on("message", (/** @type {HashRequest} */ request) => {
  try {
    port.postMessage(hashRange(request));
  } catch (error) {
    // An Error loses its code and syscall when it is posted.
    const { message, code, syscall } = /** @type {NodeJS.ErrnoException} */ (error);
    port.postMessage({ type: "failed", message, code, syscall });
  }
});

/**
 * @param {HashRequest} request
 * @returns {HashReply}
 */
function hashRange({ fd, position, length, algorithm }) {
  const hash = createHash(algorithm);
  let read = 0;
  let reported = 0;
  while (read < length) {
    const count = readSync(fd, buffer, 0, Math.min(CHUNK_SIZE, length - read), position + read);
    if (count === 0) break;
    hash.update(buffer.subarray(0, count));
    read += count;
    if (read - reported >= PROGRESS_STEP) {
      port?.postMessage({ type: "progress", bytes: read - reported });
      reported = read;
    }
  }
  port?.postMessage({ type: "progress", bytes: read - reported });
  return { type: "done", hex: hash.digest("hex"), read };
}
