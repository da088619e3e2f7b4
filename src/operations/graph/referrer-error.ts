import { SealiftError } from "../../errors/index.js";

/**
 * Adds to what a registry refuses that it was about the referrers of an image,
 * and how to do without them. Other errors come back as they are.
 *
 * @param name - The image's.
 * @param wayOut - An imperative clause.
 */
export function aboutReferrers(error: unknown, name: string, wayOut: string): unknown {
  if (!(error instanceof SealiftError) || error.exitCode !== 4 || error.code === "UNREACHABLE") return error;
  return new SealiftError(error.code, `${error.message}; this was about what refers to ${name}, such as signatures`, {
    hint: error.hint === undefined ? wayOut : `${error.hint}; or ${wayOut}`,
    cause: error,
  });
}
