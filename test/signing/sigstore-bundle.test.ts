import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/oci/index.js";
import { loadVerifier, sigstoreBundle } from "../../src/signing/index.js";
import { failureOf } from "../support/errors.js";
import { cosign } from "./fixture.js";

describe("a Sigstore bundle", () => {
  const { keyId } = loadVerifier(cosign.publicKeyPem);

  test("is byte for byte what cosign writes for the same signature", () => {
    const bundle = sigstoreBundle(cosign.signature, digestOf(cosign.signed), keyId);
    expect(Buffer.from(bundle).toString()).toBe(cosign.sigstoreBundle.toString());
  });

  test("is not made of a digest that does not belong to the signature's kind", async () => {
    const sha512 = digestOf(cosign.signed, "sha512");
    expect((await failureOf(() => sigstoreBundle(cosign.signature, sha512, keyId))).code).toBe("UNEXPECTED");
  });
});
