import { SealiftError } from "../errors/index.js";
import type { SignatureVerifier } from "../ports/index.js";

/** Whose signature is enough. */
export type TrustPolicy =
  /** One of these keys must have signed. */
  | { readonly kind: "keys"; readonly verifiers: readonly SignatureVerifier[] }
  /** The user said that no signature is asked for; whoever makes this policy says so aloud. */
  | { readonly kind: "allow-unsigned" };

/**
 * Judges the signature over exactly `bytes`. Call it before the bytes are parsed.
 *
 * @returns the key that accepted the signature; undefined if none was asked, because the policy is `allow-unsigned`.
 * @throws SealiftError `KEY_MISSING` if the policy asks for a key and has none;
 * `SIGNATURE_INVALID` if no key accepts.
 */
export function checkSignature(
  policy: TrustPolicy,
  bytes: Uint8Array,
  signature: Uint8Array,
): SignatureVerifier | undefined {
  if (policy.kind === "allow-unsigned") return undefined;
  if (policy.verifiers.length === 0) {
    throw new SealiftError("KEY_MISSING", "expected a trusted public key to check the signature with, got none", {
      hint:
        "name one with --key, or put it as NAME.pub into the trusted-keys folder " +
        "($XDG_CONFIG_HOME/sealift/trusted-keys, else ~/.config/sealift/trusted-keys), " +
        "or go without a signature with --allow-unsigned",
    });
  }
  const accepting = policy.verifiers.find((verifier) => verifier.verify(bytes, signature));
  if (accepting !== undefined) return accepting;
  throw new SealiftError(
    "SIGNATURE_INVALID",
    `expected a signature by ${describeKeys(policy.verifiers)} over exactly these bytes, got one that is not`,
    {
      hint: "ask the signer for the public key by a way you trust; if it is this one, the bundle was altered: do not use it",
    },
  );
}

// A few ids are enough to see that the wrong key file was taken.
const MAX_IDS_SHOWN = 3;

function describeKeys(verifiers: readonly SignatureVerifier[]): string {
  const ids = verifiers.slice(0, MAX_IDS_SHOWN).map((verifier) => verifier.keyId);
  const more = verifiers.length - ids.length;
  if (verifiers.length === 1) return `the key ${ids.join("")}`;
  return `one of the keys ${ids.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
