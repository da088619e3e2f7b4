export { type ErrorCode, type ExitCode, exitCodeOf } from "./codes.js";
export { escapeControls, isSealiftError, quote, SealiftError } from "./sealift-error.js";
