import { isSealiftError, SealiftError } from "../../errors/index.js";
import { isPartedSource, type Op } from "../../ports/index.js";

/** Bytes of a bundle. */
interface Place {
  /** In bytes, as is `size`. */
  readonly position: number;
  readonly size: number;
}

/**
 * Checks bytes of a bundle, whose place may be known only when they are wrong. If they are wrong, and the bundle lies in several
 * parts, the error names those that the bytes lie in.
 *
 * @throws whatever `check` throws.
 */
export async function inParts<T>(
  source: object,
  place: Place | (() => Place),
  check: () => T | Promise<T>,
  op: Op = {},
): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (!isPartedSource(source) || !isSealiftError(error, "DIGEST_MISMATCH", "BUNDLE_INVALID")) throw error;
    const { position, size } = typeof place === "function" ? place() : place;
    const names = await source.nameParts(position, size, op);
    const { code, message, hint } = error;
    throw new SealiftError(code, `${message}; it lies in ${names}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}
