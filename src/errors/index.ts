export { type ErrorCode, type ExitCode, exitCodeOf } from "./codes.js";
export { isSealiftError, quote, SealiftError } from "./sealift-error.js";
