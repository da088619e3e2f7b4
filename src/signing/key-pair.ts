import { generateKeyPair as generateKeyPairCallback } from "node:crypto";
import { promisify } from "node:util";
import { encryptKey } from "./encrypted-key.js";
import { writePem } from "./pem.js";

const generateKeyPairAsync = promisify(generateKeyPairCallback);

/** Both halves of a key pair, as the contents of their files. */
export interface KeyPairPem {
  /** `ENCRYPTED SIGSTORE PRIVATE KEY`; its file should be readable by its owner only. */
  readonly privateKeyPem: string;
  /** `PUBLIC KEY`. */
  readonly publicKeyPem: string;
}

/**
 * Makes an ECDSA P-256 key pair whose files cosign reads as its own.
 *
 * The password may be empty, as with cosign: the private key is then open to
 * whoever can read its file, and no error will ever say so. Whoever asks the user
 * for a password should warn of it.
 */
export async function generateKeyPair(password: string): Promise<KeyPairPem> {
  const { privateKey, publicKey } = await generateKeyPairAsync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { format: "der", type: "pkcs8" },
    publicKeyEncoding: { format: "der", type: "spki" },
  });
  try {
    return {
      privateKeyPem: writePem("ENCRYPTED SIGSTORE PRIVATE KEY", await encryptKey(privateKey, password)),
      publicKeyPem: writePem("PUBLIC KEY", publicKey),
    };
  } finally {
    privateKey.fill(0);
  }
}
