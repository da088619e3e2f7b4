import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import type { Signer } from "../ports/index.js";
import { decryptKey, parseEncryptedKey } from "./encrypted-key.js";
import { keyKindOf, P256 } from "./key-kind.js";
import { decodePem, readPem } from "./pem.js";
import { verifierFromDer } from "./verifier.js";

// The second is what cosign wrote before 2.0; the contents are the same.
const ENCRYPTED_LABELS: readonly string[] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/**
 * Reads a private key: ECDSA P-256, in PEM, either encrypted as cosign does it
 * (`ENCRYPTED SIGSTORE PRIVATE KEY`, `ENCRYPTED COSIGN PRIVATE KEY`) or in plain
 * PKCS#8 (`PRIVATE KEY`).
 *
 * @param password - Asked once, and only if the key is encrypted and well-formed.
 * What it fails with is passed on.
 * @throws SealiftError `KEY_INVALID` if it is anything else; `PASSWORD_WRONG` if
 * the password does not open it.
 */
export async function loadSigner(pem: string, password: () => Promise<string>): Promise<Signer> {
  const block = readPem(pem);
  if (block.label === "PRIVATE KEY") return signerFromDer(decodePem(block));
  if (!ENCRYPTED_LABELS.includes(block.label)) throw notAPrivateKey(block.label);
  const encrypted = parseEncryptedKey(decodePem(block));
  return signerFromDer(await decryptKey(encrypted, await password()));
}

/** Overwrites `pkcs8` once the key is read from it. */
function signerFromDer(pkcs8: Buffer): Signer {
  try {
    const kind = keyKindOf(pkcs8);
    if (kind !== P256) {
      throw new SealiftError("KEY_INVALID", `expected an ECDSA P-256 private key, got ${kind}`, {
        hint: "make a key pair with `sealift keygen` or `cosign generate-key-pair`",
      });
    }
    return signerOf(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
  } catch (error) {
    throw isSealiftError(error) ? error : damaged();
  } finally {
    pkcs8.fill(0);
  }
}

// What it says does not matter.
const PROBE = Buffer.from("sealift");

function signerOf(key: KeyObject): Signer {
  const verifier = verifierFromDer(createPublicKey(key).export({ format: "der", type: "spki" }));
  const signer: Signer = { ...verifier, sign: (bytes) => sign("sha256", bytes, key) };
  // PKCS#8 holds the public key, too, and OpenSSL does not compare them: with one
  // flipped bit in the private half it would make signatures that nobody accepts.
  if (!signer.verify(PROBE, signer.sign(PROBE))) throw damaged();
  return signer;
}

function damaged(): SealiftError {
  return new SealiftError("KEY_INVALID", "expected an ECDSA P-256 private key, got one that is damaged", {
    hint: "restore the key file from a copy, or make a new pair with `sealift keygen`",
  });
}

// What to do with other private keys that people have at hand, by PEM label.
const HINT_BY_LABEL = new Map([
  [
    "ENCRYPTED PRIVATE KEY",
    "decrypt it with `openssl pkcs8 -in KEY -out PLAIN` and give PLAIN, " +
      "or encrypt it again in cosign's format with `cosign import-key-pair --key PLAIN`",
  ],
  ["EC PRIVATE KEY", "convert it with `openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW`"],
  ["PUBLIC KEY", "give the .key file of the pair, not the .pub file"],
]);

function notAPrivateKey(label: string): SealiftError {
  const came = label === "PUBLIC KEY" ? "a public key" : `the PEM block ${quote(label)}`;
  return new SealiftError("KEY_INVALID", `expected a private key in cosign's format or in plain PKCS#8, got ${came}`, {
    hint:
      HINT_BY_LABEL.get(label) ?? "give the .key file of a pair made by `sealift keygen` or `cosign generate-key-pair`",
  });
}
