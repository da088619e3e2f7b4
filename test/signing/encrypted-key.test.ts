import { scryptSync } from "node:crypto";
import { secretbox } from "@noble/ciphers/salsa.js";
import { describe, expect, test } from "vitest";
import { decryptKey, parseEncryptedKey } from "../../src/signing/encrypted-key.js";
import { decodePem, readPem } from "../../src/signing/pem.js";
import { everythingSaidBy, failureOf } from "../support/errors.js";
import { cosign } from "./fixture.js";

interface EncryptedKeyJson {
  kdf: { name: string; params: Record<string, unknown>; salt: unknown };
  cipher: { name: string; nonce: unknown };
  ciphertext: unknown;
}

/** The contents of cosign's key file, changed. */
function cosignsKeyWith(change: (json: EncryptedKeyJson) => void): Buffer {
  const json = JSON.parse(decodePem(readPem(cosign.privateKeyPem)).toString()) as EncryptedKeyJson;
  change(json);
  return Buffer.from(JSON.stringify(json));
}

describe("an encrypted private key", () => {
  test("opens with the strongest parameters cosign accepts", async () => {
    const params = { N: 131072, r: 8, p: 1 };
    const salt = Buffer.alloc(32, 1);
    const nonce = Buffer.alloc(24, 2);
    const boxKey = scryptSync("pass", salt, 32, { ...params, maxmem: 256 * 1024 * 1024 });
    const bytes = cosignsKeyWith((json) => {
      json.kdf.params = params;
      json.kdf.salt = salt.toString("base64");
      json.cipher.nonce = nonce.toString("base64");
      json.ciphertext = Buffer.from(secretbox(boxKey, nonce).seal(Buffer.from("the key"))).toString("base64");
    });
    expect(String(await decryptKey(parseEncryptedKey(bytes), "pass"))).toBe("the key");
  });

  test.each([
    { N: 2 ** 30, r: 8, p: 1 },
    { N: 2 ** 18, r: 8, p: 1 },
    { N: 2 ** 14, r: 8, p: 1 },
    { N: 65537, r: 8, p: 1 },
    { N: -65536, r: 8, p: 1 },
    { N: "65536", r: 8, p: 1 },
    { N: 65536, r: 8192, p: 1 },
    { N: 65536, r: 8, p: 1_000_000 },
    { N: 65536, r: 8 },
  ])("that would make us spend memory or time is refused: %j", async (params) => {
    const error = await failureOf(() => parseEncryptedKey(cosignsKeyWith((json) => void (json.kdf.params = params))));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.message).toContain("kdf.params.");
  });

  test.each<[string, string, (json: EncryptedKeyJson) => void]>([
    ["another key derivation", "kdf.name", (json) => void (json.kdf.name = "argon2")],
    ["another cipher", "cipher.name", (json) => void (json.cipher.name = "none")],
    ["a short nonce", "cipher.nonce", (json) => void (json.cipher.nonce = "AQID")],
    ["a salt that is not base64", "kdf.salt", (json) => void (json.kdf.salt = "*")],
    ["a ciphertext that is not text", "ciphertext", (json) => void (json.ciphertext = 1)],
  ])("with %s is refused", async (_what, where, change) => {
    const error = await failureOf(() => parseEncryptedKey(cosignsKeyWith(change)));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.message).toContain(`"${where}"`);
  });

  test("that was cut short is refused", async () => {
    const error = await failureOf(() => parseEncryptedKey(cosignsKeyWith(() => undefined).subarray(0, 100)));
    expect(error.code).toBe("KEY_INVALID");
  });

  test("whose ciphertext is too short for any key does not open", async () => {
    const bytes = cosignsKeyWith((json) => {
      json.kdf.params.N = 32768;
      json.ciphertext = "AQID";
    });
    expect((await failureOf(() => decryptKey(parseEncryptedKey(bytes), "pass"))).code).toBe("PASSWORD_WRONG");
  });

  test("that is a plain private key under the wrong label is not repeated in the error", async () => {
    const error = await failureOf(() => parseEncryptedKey(Buffer.from("0\x81\x87 the secret scalar", "latin1")));
    expect(error.code).toBe("KEY_INVALID");
    expect(everythingSaidBy(error)).not.toContain("secret");
  });
});
