// Hashes ranges of files on a thread of its own. This file is plain JavaScript
// because a worker thread loads it as it is: from src/ in the tests, from dist/
// in the package.
import { parentPort } from "node:worker_threads";
import { hashRange, prepareHash } from "./hash-range.js";

/** @import { HashRequest } from "./hash-range.js" */
/** @typedef {{ type: "progress", bytes: number } | { type: "done", hex: string, read: number } | { type: "failed", message: string, code: unknown, syscall: unknown, read: unknown }} HashReply */

// Often enough for a progress bar, seldom enough to cost nothing.
const PROGRESS_STEP = 16 * 1024 * 1024;

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread only");

port.on("message", (/** @type {HashRequest} */ request) => void answer(port, request));

/**
 * @param {import("node:worker_threads").MessagePort} port
 * @param {HashRequest} request
 */
async function answer(port, request) {
  try {
    await prepareHash(request.algorithm);
    const hashing = hashRange(request, PROGRESS_STEP);
    let state = hashing.next();
    for (; state.done !== true; state = hashing.next()) port.postMessage({ type: "progress", bytes: state.value });
    port.postMessage({ type: "done", ...state.value });
  } catch (error) {
    // An Error loses all but its message when it is posted.
    const { message, code, syscall, read } = /** @type {NodeJS.ErrnoException & { read?: number }} */ (error);
    port.postMessage({ type: "failed", message, code, syscall, read });
  }
}
