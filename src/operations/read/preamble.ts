import { digestOf } from "../../oci/index.js";
import { sigstoreBundle } from "../../signing/index.js";

/** The files that come before the entries: the signed index, and its signature in two forms. */
export interface Preamble {
  readonly index: Uint8Array;
  readonly signature: Uint8Array;
  readonly sigstoreBundle: Uint8Array;
}

/**
 * Makes them of an index and its signature.
 *
 * @param keyId - Names the key that signed.
 */
export function preambleOf(index: Uint8Array, signature: Uint8Array, keyId: string): Preamble {
  return { index, signature, sigstoreBundle: sigstoreBundle(signature, digestOf(index), keyId) };
}
