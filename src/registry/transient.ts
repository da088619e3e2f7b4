import { isSealiftError, type SealiftError } from "../errors/index.js";
import { type RefusingAnswer, refusingAnswer } from "./answer-error.js";
import { isTransientConnectionError } from "./connection-error.js";

/**
 * The milliseconds to wait at least before what failed with `error` is tried
 * again; undefined if another try would end the same.
 */
export function minRetryDelay(error: unknown): number | undefined {
  const answer = refusingAnswer(error);
  if (answer !== undefined) return isTransient(answer) ? answer.retryAfter : undefined;
  return isSealiftError(error, "UNREACHABLE") && isTransientConnectionError(error.cause) ? 0 : undefined;
}

/** Whether an error is the registry's last word that it will not, or not for this user. */
export function isRefusal(error: unknown): error is SealiftError {
  return isSealiftError(error, "DENIED", "UNAUTHORIZED") && minRetryDelay(error) === undefined;
}

// 499 and 522 come from nginx and from Cloudflare, when a connection behind
// them was lost. 501 says that the method will never be known. Of the two kinds
// of 429, one goes by in seconds, and the other in hours.
function isTransient({ status, isPullLimit }: RefusingAnswer): boolean {
  if (status === 429) return !isPullLimit;
  return status === 408 || status === 499 || (status >= 500 && status !== 501);
}
