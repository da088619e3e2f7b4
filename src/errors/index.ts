export { type ErrorCode, type ExitCode, exitCodeOf } from "./codes.js";
export { isSealiftError, quote, SealiftError, type SealiftErrorOptions } from "./sealift-error.js";
