import { readFileSync } from "node:fs";

function read(name: string): Buffer {
  return readFileSync(new URL(`../../fixtures/signing/${name}`, import.meta.url));
}

/** A key pair and a signature made by cosign: fixtures/signing/README.md. */
export const cosign = {
  password: "for tests only: 7 Schlüssel",
  privateKeyPem: read("cosign.key").toString(),
  publicKeyPem: read("cosign.pub").toString(),
  signed: read("signed.json"),
  signature: read("signed.json.sig"),
  sigstoreBundle: read("signed.json.sigstore.json"),
};
