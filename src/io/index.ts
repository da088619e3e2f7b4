export { acquireLock } from "./lock.js";
export { blobDigestError, blobSizeError } from "./blob-errors.js";
export { type BlobHash, HashThread } from "./hash-thread.js";
export { errnoOf, mediumError } from "./medium-error.js";
export { readSmallFile, readSmallFileIfThere } from "./read-file.js";
export { replaceFile } from "./replace-file.js";
export { MAX_ASKED_DELAY_MS, type RetryOptions, retry, type Sleep, sleepUnlessAborted } from "./retry.js";
export { unpackedDigest } from "./unpacked-digest.js";
export { verifiedStream } from "./verified-stream.js";
