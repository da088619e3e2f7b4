import { generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import { SealiftError } from "../../src/errors/index.js";
import { loadSigner, loadVerifier } from "../../src/signing/index.js";
import { writePem } from "../../src/signing/pem.js";
import { everythingSaidBy, failureOf } from "../support/errors.js";
import { cosign } from "./fixture.js";

const FILE = Buffer.from("what is signed");
const neverAsked = () => Promise.reject(new Error("the password was asked for"));

function pkcs8Of(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "pkcs8" });
}

const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
// Where the private scalar stands in the PKCS#8 that OpenSSL and Go write.
const SCALAR = { start: 36, end: 68 };

describe("cosign's private key", () => {
  test("signs what cosign's public key verifies, under both of cosign's labels", async () => {
    const password = vi.fn(() => Promise.resolve(cosign.password));
    for (const pem of [cosign.privateKeyPem, cosign.privateKeyPem.replaceAll("SIGSTORE", "COSIGN")]) {
      const signer = await loadSigner(pem, password);
      const verifier = loadVerifier(cosign.publicKeyPem);
      expect(signer.keyId).toBe(verifier.keyId);
      expect(verifier.verify(FILE, signer.sign(FILE))).toBe(true);
    }
    expect(password).toHaveBeenCalledTimes(2);
  });

  test("does not open with another password, and the password is not repeated", async () => {
    const error = await failureOf(() => loadSigner(cosign.privateKeyPem, () => Promise.resolve("hunter2")));
    expect(error.code).toBe("PASSWORD_WRONG");
    expect(error.hint).toContain("COSIGN_PASSWORD");
    expect(everythingSaidBy(error)).not.toContain("hunter2");
  });

  test("fails as the question for its password fails", async () => {
    const interrupted = new SealiftError("INTERRUPTED", "stopped");
    expect(await failureOf(() => loadSigner(cosign.privateKeyPem, () => Promise.reject(interrupted)))).toBe(
      interrupted,
    );
  });

  test("is refused before the password is asked for when its block holds something else", async () => {
    const pem = writePem("ENCRYPTED SIGSTORE PRIVATE KEY", pkcs8Of(p256.privateKey));
    expect((await failureOf(() => loadSigner(pem, neverAsked))).code).toBe("KEY_INVALID");
  });
});

describe("a plain PKCS#8 key", () => {
  test("signs in DER, and needs no password", async () => {
    const signer = await loadSigner(writePem("PRIVATE KEY", pkcs8Of(p256.privateKey)), neverAsked);
    const signature = signer.sign(FILE);
    expect(verify("sha256", FILE, { key: p256.publicKey, dsaEncoding: "der" }, signature)).toBe(true);
  });

  test("may leave its public key out", async () => {
    const scalar = pkcs8Of(p256.privateKey).subarray(SCALAR.start, SCALAR.end);
    const header = Buffer.from("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420", "hex");
    const signer = await loadSigner(writePem("PRIVATE KEY", Buffer.concat([header, scalar])), neverAsked);
    expect(verify("sha256", FILE, p256.publicKey, signer.sign(FILE))).toBe(true);
  });

  test.each<[string, string, () => KeyObject]>([
    ["P-384", "an ECDSA P-384 key", () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey],
    ["P-521", "an ECDSA P-521 key", () => generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey],
    ["secp256k1", "a secp256k1 key", () => generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey],
    ["an unusual curve", "another curve", () => generateKeyPairSync("ec", { namedCurve: "secp224r1" }).privateKey],
    ["RSA", "an RSA key", () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey],
    ["Ed25519", "an Ed25519 key", () => generateKeyPairSync("ed25519").privateKey],
    ["X25519", "another kind of key", () => generateKeyPairSync("x25519").privateKey],
  ])("of the kind %s is refused by name", async (_kind, named, generate) => {
    const error = await failureOf(() => loadSigner(writePem("PRIVATE KEY", pkcs8Of(generate())), neverAsked));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.message).toContain("expected an ECDSA P-256 private key, got");
    expect(error.message).toContain(named);
  });

  test.each<[string, (pkcs8: Buffer) => Buffer]>([
    ["one bit of the private half is flipped", (der) => (der.writeUInt8(der.readUInt8(50) ^ 1, 50), der)],
    ["one bit of the public half is flipped", (der) => (der.writeUInt8(der.readUInt8(100) ^ 1, 100), der)],
    ["the private half is zero", (der) => der.fill(0, SCALAR.start, SCALAR.end)],
    ["its end is missing", (der) => der.subarray(0, 90)],
    ["only its head is there", (der) => der.subarray(0, 30)],
    [
      "its public half is the point at infinity",
      (der) =>
        Buffer.concat([
          Buffer.from("3047020100301306072a8648ce3d020106082a8648ce3d030107042d302b0201010420", "hex"),
          der.subarray(SCALAR.start, SCALAR.end),
          Buffer.from("a10403020000", "hex"),
        ]),
    ],
  ])("is refused when %s", async (_what, damage) => {
    const pem = writePem("PRIVATE KEY", damage(pkcs8Of(p256.privateKey)));
    const error = await failureOf(() => loadSigner(pem, neverAsked));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.message).toContain("damaged");
    expect(everythingSaidBy(error)).not.toContain(pem.split("\n")[1]);
  });
});

describe("another file than a private key", () => {
  test.each([
    ["PUBLIC KEY", "got a public key", ".key file"],
    ["ENCRYPTED PRIVATE KEY", '"ENCRYPTED PRIVATE KEY"', "openssl pkcs8 -in KEY"],
    ["EC PRIVATE KEY", '"EC PRIVATE KEY"', "openssl pkcs8 -topk8 -nocrypt"],
    ["RSA PRIVATE KEY", '"RSA PRIVATE KEY"', "sealift keygen"],
    ["OPENSSH PRIVATE KEY", '"OPENSSH PRIVATE KEY"', "sealift keygen"],
  ])("is refused with what to do: %s", async (label, message, hint) => {
    const error = await failureOf(() => loadSigner(writePem(label, Buffer.from("a secret")), neverAsked));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
    expect(everythingSaidBy(error)).not.toContain(Buffer.from("a secret").toString("base64"));
  });
});
