import { generateKeyPairSync, type KeyObject } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSealiftError } from "../../src/errors/index.js";
import { loadVerifier } from "../../src/signing/index.js";
import { decodePem, readPem, writePem } from "../../src/signing/pem.js";
import { everythingSaidBy, failureOf } from "../support/errors.js";
import { cosign } from "./fixture.js";

const verifier = loadVerifier(cosign.publicKeyPem);

function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" });
}

function publicPem(spki: Uint8Array): string {
  return writePem("PUBLIC KEY", spki);
}

function withBitFlipped(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
}

function bitsOf(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.length * 8 }, (_, bit) => bit);
}

describe("a signature", () => {
  test("made by cosign is accepted", () => {
    expect(verifier.verify(cosign.signed, cosign.signature)).toBe(true);
  });

  test("is refused when any bit of the file is flipped", () => {
    for (const bit of bitsOf(cosign.signed)) {
      expect(verifier.verify(withBitFlipped(cosign.signed, bit), cosign.signature), `bit ${bit}`).toBe(false);
    }
  });

  test("is refused when any bit of it is flipped", () => {
    for (const bit of bitsOf(cosign.signature)) {
      expect(verifier.verify(cosign.signed, withBitFlipped(cosign.signature, bit)), `bit ${bit}`).toBe(false);
    }
  });

  test("is refused when bytes of the file or of it are changed, cut off or added", () => {
    const edit = (bytes: Buffer) =>
      fc
        .record({
          start: fc.nat(bytes.length),
          removed: fc.nat(bytes.length),
          added: fc.uint8Array({ maxLength: 8 }),
        })
        .map(({ start, removed, added }) =>
          Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start + removed)]),
        )
        .filter((edited) => !edited.equals(bytes));
    fc.assert(
      fc.property(edit(cosign.signed), edit(cosign.signature), (signed, signature) => {
        expect(verifier.verify(signed, cosign.signature)).toBe(false);
        expect(verifier.verify(cosign.signed, signature)).toBe(false);
      }),
    );
  });

  test("of any other bytes is false, not an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (signature) => {
        expect(verifier.verify(cosign.signed, signature)).toBe(false);
      }),
    );
  });

  test.each([
    ["zero for both numbers", "3006020100020100"],
    ["one for both numbers", "3006020101020101"],
    ["no numbers", "3000"],
    ["the length of more than there is", "3082ffff020101"],
  ])("with %s is refused", (_what, hex) => {
    expect(verifier.verify(cosign.signed, Buffer.from(hex, "hex"))).toBe(false);
  });
});

describe("a public key", () => {
  const spki = decodePem(readPem(cosign.publicKeyPem));

  test("is named as cosign names it in its bundles", () => {
    const bundle = JSON.parse(cosign.sigstoreBundle.toString()) as {
      verificationMaterial: { publicKey: { hint: string } };
    };
    expect(verifier.keyId).toBe(bundle.verificationMaterial.publicKey.hint);
  });

  test.each<[string, string, () => KeyObject]>([
    ["P-384", "an ECDSA P-384 key", () => generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey],
    ["RSA", "an RSA key", () => generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey],
    ["Ed25519", "an Ed25519 key", () => generateKeyPairSync("ed25519").publicKey],
    [
      "explicit parameters",
      "another curve",
      () => generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" }).publicKey,
    ],
  ])("of the kind %s is refused by name", async (_kind, named, generate) => {
    const error = await failureOf(() => loadVerifier(publicPem(spkiOf(generate()))));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.message).toContain("expected an ECDSA P-256 public key, got");
    expect(error.message).toContain(named);
  });

  test.each([
    [
      "the point at infinity, which accepts signatures anyone can make",
      "3019301306072a8648ce3d020106082a8648ce3d03010703020000",
    ],
    ["a compressed point", `3039301306072a8648ce3d020106082a8648ce3d03010703220002${spki.toString("hex", 27, 59)}`],
    ["bytes after its end", `${spki.toString("hex")}00`],
  ])("with %s is refused", async (_what, hex) => {
    const error = await failureOf(() => loadVerifier(publicPem(Buffer.from(hex, "hex"))));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.hint).toContain("-conv_form uncompressed");
  });

  test("is refused when any bit of it is flipped", () => {
    for (const bit of bitsOf(spki)) {
      expect(() => loadVerifier(publicPem(withBitFlipped(spki, bit))), `bit ${bit}`).toThrow(
        expect.toSatisfy((error) => isSealiftError(error, "KEY_INVALID")),
      );
    }
  });

  test.each(["PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY", "OPENSSH PRIVATE KEY"])(
    "is not a private key (%s), which is not repeated in the error",
    async (label) => {
      const error = await failureOf(() => loadVerifier(writePem(label, Buffer.from("a secret"))));
      expect(error.code).toBe("KEY_INVALID");
      expect(error.message).toBe("expected a public key, got a private key");
      expect(error.hint).toContain(".pub file");
      expect(everythingSaidBy(error)).not.toContain(Buffer.from("a secret").toString("base64"));
    },
  );

  test("is not a certificate", async () => {
    const error = await failureOf(() => loadVerifier(writePem("CERTIFICATE", spki)));
    expect(error.message).toContain("got a certificate");
    expect(error.hint).toContain("openssl x509");
  });

  test("is not in another PEM form", async () => {
    const error = await failureOf(() => loadVerifier(writePem("RSA PUBLIC KEY", spki)));
    expect(error.message).toContain('got "RSA PUBLIC KEY"');
  });

  test("is not in OpenSSH's form", async () => {
    const error = await failureOf(() => loadVerifier("ecdsa-sha2-nistp256 AAAAE2VjZHNh alice@example\n"));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.hint).toContain("ssh-keygen -e -m PKCS8");
  });
});
