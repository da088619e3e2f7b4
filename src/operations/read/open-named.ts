import { isSealiftError, quote, SealiftError } from "../../errors/index.js";
import type { RandomAccessSource } from "../../ports/index.js";
import type { TrustPolicy } from "../../signing/index.js";
import { type OpenBundle, openBundle } from "./open-bundle.js";

/** One of several bundles that are read, and how its user calls it. */
export interface NamedSource {
  readonly name: string;
  readonly source: RandomAccessSource;
}

/** One of several bundles whose index is trusted. */
export interface NamedBundle {
  readonly name: string;
  readonly bundle: OpenBundle;
}

/**
 * As `openBundle`; what is wrong with the bundle is said with its name.
 *
 * @throws SealiftError as `openBundle`.
 */
export async function openNamed({ name, source }: NamedSource, trust: TrustPolicy): Promise<NamedBundle> {
  try {
    return { name, bundle: await openBundle(source, trust) };
  } catch (error) {
    if (!isSealiftError(error, "SIGNATURE_INVALID", "BUNDLE_INVALID")) throw error;
    const { code, message, hint, cause } = error;
    throw new SealiftError(code, `${quote(name)}: ${message}`, { ...(hint === undefined ? {} : { hint }), cause });
  }
}
