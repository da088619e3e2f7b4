import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { checkSignature, loadVerifier } from "../../src/signing/index.js";
import { failureOf } from "../support/errors.js";
import { cosign } from "./fixture.js";

const trusted = loadVerifier(cosign.publicKeyPem);

function anotherKey() {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return loadVerifier(publicKey.export({ format: "pem", type: "spki" }).toString());
}

describe("a policy of trusted keys", () => {
  test("accepts a signature by any of them and says by which", () => {
    const verifiers = [anotherKey(), trusted, anotherKey()];
    expect(checkSignature({ kind: "keys", verifiers }, cosign.signed, cosign.signature)).toBe(trusted);
  });

  test("refuses a signature by another key and names the one it wants", async () => {
    const wanted = anotherKey();
    const policy = { kind: "keys", verifiers: [wanted] } as const;
    const error = await failureOf(() => checkSignature(policy, cosign.signed, cosign.signature));
    expect(error.code).toBe("SIGNATURE_INVALID");
    expect(error.message).toContain(`the key ${wanted.keyId}`);
    expect(error.exitCode).toBe(3);
  });

  test("refuses a signature over other bytes, and names the first of many keys", async () => {
    const verifiers = [trusted, anotherKey(), anotherKey(), anotherKey(), anotherKey()];
    const altered = Buffer.concat([cosign.signed, Buffer.from(" ")]);
    const error = await failureOf(() => checkSignature({ kind: "keys", verifiers }, altered, cosign.signature));
    expect(error.code).toBe("SIGNATURE_INVALID");
    expect(error.message).toContain(`one of the keys ${trusted.keyId}, `);
    expect(error.message).toContain(" and 2 more ");
  });

  test("refuses an empty signature", async () => {
    const policy = { kind: "keys", verifiers: [trusted] } as const;
    const error = await failureOf(() => checkSignature(policy, cosign.signed, new Uint8Array()));
    expect(error.code).toBe("SIGNATURE_INVALID");
  });

  test("without a key says what the user can do", async () => {
    const policy = { kind: "keys", verifiers: [] } as const;
    const error = await failureOf(() => checkSignature(policy, cosign.signed, cosign.signature));
    expect(error.code).toBe("KEY_MISSING");
    expect(error.exitCode).toBe(3);
    for (const way of ["--key", "trusted-keys", "--allow-unsigned"]) expect(error.hint).toContain(way);
  });
});

describe("the policy to allow unsigned bundles", () => {
  test("asks no key, whatever came", () => {
    expect(checkSignature({ kind: "allow-unsigned" }, cosign.signed, new Uint8Array())).toBeUndefined();
  });
});
