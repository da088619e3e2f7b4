import { randomBytes, type ScryptOptions, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { secretbox } from "@noble/ciphers/salsa.js";
import * as z from "zod";
import { SealiftError } from "../errors/index.js";
import { parseJson } from "../oci/index.js";

// The format is that of go-securesystemslib's package encrypted, which cosign uses:
// https://github.com/secure-systems-lab/go-securesystemslib/blob/main/encrypted/encrypted.go
// N = 2^16 is its default; 2^15 and 2^17 are all else it accepts. A file cannot ask
// for more, and so cannot make us spend memory or time: N = 2^17 takes 128 MiB.
const SCRYPT_N = 65536;
const SCRYPT_N_ACCEPTED = [32768, SCRYPT_N, 131072] as const;
const SCRYPT_R = 8;
const SCRYPT_P = 1;
const SALT_SIZE = 32;
const BOX_KEY_SIZE = 32;
const BOX_NONCE_SIZE = 24;

const base64Schema = z.base64().transform((text) => Buffer.from(text, "base64"));

const encryptedKeySchema = z.object({
  kdf: z.object({
    name: z.literal("scrypt"),
    params: z.object({ N: z.literal(SCRYPT_N_ACCEPTED), r: z.literal(SCRYPT_R), p: z.literal(SCRYPT_P) }),
    salt: base64Schema,
  }),
  cipher: z.object({
    name: z.literal("nacl/secretbox"),
    nonce: base64Schema.refine((nonce) => nonce.length === BOX_NONCE_SIZE, `expected ${BOX_NONCE_SIZE} bytes`),
  }),
  ciphertext: base64Schema,
});

/** A private key under a password, checked for form. */
export type EncryptedKey = z.output<typeof encryptedKeySchema>;

/**
 * Reads what an `ENCRYPTED SIGSTORE PRIVATE KEY` block holds.
 *
 * @throws SealiftError `KEY_INVALID` if it is not cosign's JSON, or names other
 * parameters than cosign accepts.
 */
export function parseEncryptedKey(bytes: Uint8Array): EncryptedKey {
  // Whatever is not JSON may be a private key under the wrong label, and parseJson
  // repeats the first bytes of what it cannot parse.
  if (bytes[0] !== "{".charCodeAt(0)) {
    throw new SealiftError("KEY_INVALID", "expected an encrypted private key in cosign's format, got something else", {
      hint: "make a new key pair with `sealift keygen`, or restore the key file from a copy",
    });
  }
  return parseJson(bytes, encryptedKeySchema, "the encrypted private key", "KEY_INVALID");
}

/**
 * The private key in PKCS#8 DER, which the caller should overwrite.
 *
 * @throws SealiftError `PASSWORD_WRONG` if the password does not open it. The
 * cipher cannot tell a wrong password from altered bytes.
 */
export async function decryptKey(encrypted: EncryptedKey, password: string): Promise<Buffer> {
  const { kdf, cipher, ciphertext } = encrypted;
  const boxKey = await deriveBoxKey(password, kdf.salt, kdf.params.N);
  try {
    const { buffer, byteOffset, length } = secretbox(boxKey, cipher.nonce).open(ciphertext);
    return Buffer.from(buffer, byteOffset, length);
  } catch {
    throw new SealiftError(
      "PASSWORD_WRONG",
      "expected the password of the private key, got one that does not open it",
      {
        hint: "check COSIGN_PASSWORD, or what was typed; a key file that was altered fails in the same way",
      },
    );
  } finally {
    boxKey.fill(0);
  }
}

/** What goes into an `ENCRYPTED SIGSTORE PRIVATE KEY` block: compact JSON, its members in cosign's order. */
export async function encryptKey(pkcs8: Uint8Array, password: string): Promise<Uint8Array> {
  const salt = randomBytes(SALT_SIZE);
  const nonce = randomBytes(BOX_NONCE_SIZE);
  const boxKey = await deriveBoxKey(password, salt, SCRYPT_N);
  const ciphertext = secretbox(boxKey, nonce).seal(pkcs8);
  boxKey.fill(0);
  return Buffer.from(
    JSON.stringify({
      kdf: {
        name: "scrypt",
        params: { N: SCRYPT_N, r: SCRYPT_R, p: SCRYPT_P },
        salt: salt.toString("base64"),
      },
      cipher: { name: "nacl/secretbox", nonce: nonce.toString("base64") },
      ciphertext: Buffer.from(ciphertext).toString("base64"),
    }),
  );
}

const scryptAsync = promisify<Buffer, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

async function deriveBoxKey(password: string, salt: Uint8Array, N: number): Promise<Buffer> {
  // Node stops at 32 MiB unless told otherwise; this is what OpenSSL's scrypt
  // counts: https://github.com/openssl/openssl/blob/master/providers/implementations/kdfs/scrypt.c
  const maxmem = 128 * SCRYPT_R * (N + SCRYPT_P + 2);
  const passwordBytes = Buffer.from(password, "utf8");
  try {
    return await scryptAsync(passwordBytes, salt, BOX_KEY_SIZE, { N, r: SCRYPT_R, p: SCRYPT_P, maxmem });
  } finally {
    passwordBytes.fill(0);
  }
}
