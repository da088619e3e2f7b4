import { createHash, type Hash } from "node:crypto";
import { quote, SealiftError } from "../errors/index.js";

/** The algorithms the OCI image specification registers (descriptor.md, "Registered algorithms"). */
export type DigestAlgorithm = "sha256" | "sha512";

/** A content digest that was checked for form: only {@link parseDigest} and {@link digestOf} make one. */
export type Digest = `${DigestAlgorithm}:${string}` & { readonly __brand: "Digest" };

// https://github.com/opencontainers/image-spec/blob/main/descriptor.md#registered-algorithms
// The encoded part is lower-case hexadecimal; upper case is refused there too.
const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

/** Whether `text` is a digest of a registered algorithm. */
export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/**
 * Reads a digest.
 *
 * @throws SealiftError `MANIFEST_INVALID` if `text` is not `sha256:` with 64 or
 * `sha512:` with 128 lower-case hexadecimal digits.
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new SealiftError(
    "MANIFEST_INVALID",
    `expected a digest (sha256: and 64 lower-case hexadecimal digits, or sha512: and 128), got ${quote(text)}`,
  );
}

/** The algorithm a digest was made with. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The hexadecimal part of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The digest of `bytes`. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return finishDigest(createHash(algorithm).update(bytes), algorithm);
}

/** The digest of all that `hash`, made with `algorithm`, was fed. */
export function finishDigest(hash: Hash, algorithm: DigestAlgorithm): Digest {
  return `${algorithm}:${hash.digest("hex")}` as Digest;
}

/** A digest cut to the length people compare by eye: `sha256:` and 12 digits. */
export function shortDigest(digest: Digest): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}
