// Hashes blobs on a thread of its own, chunk by chunk, as they are lent to it.
// This file is plain JavaScript because a worker thread loads it as it is: from
// src/ in the tests, from dist/ in the package.
import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";

/**
 * The next chunk of a blob, or, without one, its end. A blob that is abandoned has no more of either.
 *
 * @typedef {{ id: number, algorithm: "sha256" | "sha512", chunk?: Uint8Array<ArrayBuffer>, abandoned?: true }} HashTask
 */
/**
 * A chunk that was hashed and is given back, or a blob's hexadecimal hash.
 *
 * @typedef {{ id: number, chunk: Uint8Array<ArrayBuffer> } | { id: number, hex: string }} HashAnswer
 */

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread only");

/** @type {Map<number, import("node:crypto").Hash>} */
const hashes = new Map();

port.on("message", (/** @type {HashTask} */ { id, algorithm, chunk, abandoned }) => {
  const hash = hashes.get(id) ?? createHash(algorithm);
  if (chunk !== undefined) {
    hashes.set(id, hash.update(chunk));
    port.postMessage({ id, chunk }, [chunk.buffer]);
    return;
  }
  hashes.delete(id);
  if (abandoned !== true) port.postMessage({ id, hex: hash.digest("hex") });
});
