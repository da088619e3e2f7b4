import { createPublicKey } from "node:crypto";
import { describe, expect, test } from "vitest";
import { generateKeyPair, loadSigner, loadVerifier } from "../../src/signing/index.js";
import { decodePem, readPem } from "../../src/signing/pem.js";
import { cosign } from "./fixture.js";

const FILE = Buffer.from("what is signed");

/** The layout of a private key file: its members in order, and the sizes of its binary parts. */
function shapeOf(privateKeyPem: string): unknown {
  const sizes = new Set(["salt", "nonce", "ciphertext"]);
  const text = decodePem(readPem(privateKeyPem)).toString();
  return JSON.parse(text, (name, value: unknown) =>
    sizes.has(name) ? Buffer.from(String(value), "base64").length : value,
  );
}

describe("a generated key pair", () => {
  test("signs and verifies, and its files look like cosign's", async () => {
    const { privateKeyPem, publicKeyPem } = await generateKeyPair("pässword");
    const signer = await loadSigner(privateKeyPem, () => Promise.resolve("pässword"));
    const verifier = loadVerifier(publicKeyPem);

    expect(signer.keyId).toBe(verifier.keyId);
    expect(verifier.verify(FILE, signer.sign(FILE))).toBe(true);
    expect(createPublicKey(publicKeyPem).asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(publicKeyPem.length).toBe(cosign.publicKeyPem.length);
    expect(privateKeyPem).toMatch(/^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n/);
    expect(JSON.stringify(shapeOf(privateKeyPem))).toBe(JSON.stringify(shapeOf(cosign.privateKeyPem)));
  });

  test("may have an empty password, as with cosign", async () => {
    const { privateKeyPem, publicKeyPem } = await generateKeyPair("");
    const signer = await loadSigner(privateKeyPem, () => Promise.resolve(""));
    expect(loadVerifier(publicKeyPem).verify(FILE, signer.sign(FILE))).toBe(true);
  });
});
