import { SealiftError } from "../errors/index.js";
import type { Descriptor, Digest } from "../oci/index.js";

/**
 * The error for a blob with too few or too many bytes.
 *
 * @param origin - Names where the bytes come from: a repository, or `the bundle`.
 * @param received - How many there were, in bytes.
 */
export function blobSizeError({ digest, size }: Descriptor, origin: string, received: string): SealiftError {
  return new SealiftError(
    "SIZE_MISMATCH",
    `expected ${size} bytes for blob ${digest} from ${origin}, got ${received}`,
    {
      hint: "the transfer broke off, or the source states a wrong size: try again, and check the source if it happens again",
    },
  );
}

/** The error for a blob whose bytes have the digest `came`. */
export function blobDigestError({ digest }: Descriptor, origin: string, came: Digest): SealiftError {
  return new SealiftError("DIGEST_MISMATCH", `expected blob ${digest} from ${origin}, got bytes with digest ${came}`, {
    hint: "the bytes were changed on their way or at their source: fetch or copy them again, and do not trust what came",
  });
}
