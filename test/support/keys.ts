import { generateKeyPairSync } from "node:crypto";
import type { SignatureVerifier, Signer } from "../../src/ports/index.js";
import { loadSigner, loadVerifier, type TrustPolicy } from "../../src/signing/index.js";

/** A key pair made on the spot; its private half is not encrypted, which costs no time. */
export interface TestKeys {
  readonly signer: Signer;
  readonly verifier: SignatureVerifier;
  readonly trust: TrustPolicy;
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
}

export async function makeKeys(): Promise<TestKeys> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { format: "pem", type: "pkcs8" },
    publicKeyEncoding: { format: "pem", type: "spki" },
  });
  const signer = await loadSigner(privateKey, () => Promise.reject(new Error("a plain key has no password")));
  const verifier = loadVerifier(publicKey);
  const trust = { kind: "keys", verifiers: [verifier] } as const;
  return { signer, verifier, trust, privateKeyPem: privateKey, publicKeyPem: publicKey };
}
