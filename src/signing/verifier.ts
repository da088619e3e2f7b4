import { createHash, createPublicKey, verify } from "node:crypto";
import { quote, SealiftError } from "../errors/index.js";
import type { SignatureVerifier } from "../ports/index.js";
import { keyKindOf, P256 } from "./key-kind.js";
import { decodePem, readPem } from "./pem.js";

/**
 * Reads a public key: ECDSA P-256, SubjectPublicKeyInfo in PEM (`PUBLIC KEY`), as
 * cosign and OpenSSL write it.
 *
 * @throws SealiftError `KEY_INVALID` if it is anything else.
 */
export function loadVerifier(pem: string): SignatureVerifier {
  if (OPENSSH_PUBLIC_KEY.test(pem)) {
    throw new SealiftError("KEY_INVALID", "expected a public key in PEM, got one in OpenSSH's format", {
      hint: "if it is of type ecdsa-sha2-nistp256, convert it with `ssh-keygen -e -m PKCS8 -f KEY.pub > NEW.pub`",
    });
  }
  const block = readPem(pem);
  if (block.label !== "PUBLIC KEY") throw notAPublicKey(block.label);
  return verifierFromDer(decodePem(block));
}

const OPENSSH_PUBLIC_KEY = /^(?:ssh-|ecdsa-sha2-|sk-)/;

// A P-256 SubjectPublicKeyInfo with an uncompressed point (RFC 5480) has this one
// form: these bytes, then the 64 of the point. Anything else must not get past here.
// OpenSSL would take compressed and hybrid points and trailing bytes, which give the
// same key another id (and which Go, thus cosign, refuses), and the point at
// infinity, which accepts signatures that anyone can make.
const SPKI_PREFIX = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex");
const SPKI_SIZE = 91;

/**
 * The verifier of a public key in SubjectPublicKeyInfo DER.
 *
 * @throws SealiftError `KEY_INVALID` if it is not a P-256 key in its one canonical form.
 */
export function verifierFromDer(spki: Buffer): SignatureVerifier {
  if (spki.length !== SPKI_SIZE || !spki.subarray(0, SPKI_PREFIX.length).equals(SPKI_PREFIX)) throw notP256(spki);
  const key = publicKeyOf(spki);
  return {
    // https://github.com/sigstore/cosign/blob/v3.0.4/internal/key/svkeypair.go, NewSignerVerifierKeypair
    keyId: createHash("sha256").update(spki).digest("base64"),
    verify: (bytes, signature) => verify("sha256", bytes, key, signature),
  };
}

function publicKeyOf(spki: Buffer) {
  try {
    return createPublicKey({ key: spki, format: "der", type: "spki" });
  } catch (cause) {
    throw new SealiftError("KEY_INVALID", "expected an ECDSA P-256 public key, got a point that is not on the curve", {
      hint: "the key file is damaged: copy it again from where it was made",
      cause,
    });
  }
}

function notP256(spki: Buffer): SealiftError {
  const kind = keyKindOf(spki);
  if (kind === P256) {
    return new SealiftError("KEY_INVALID", "expected a P-256 public key with an uncompressed point, got another form", {
      hint: "convert it with `openssl ec -pubin -in KEY -conv_form uncompressed -out NEW.pub`",
    });
  }
  return new SealiftError("KEY_INVALID", `expected an ECDSA P-256 public key, got ${kind}`, {
    hint: "make a key pair with `sealift keygen` or `cosign generate-key-pair`",
  });
}

function notAPublicKey(label: string): SealiftError {
  if (label.includes("PRIVATE KEY")) {
    return new SealiftError("KEY_INVALID", "expected a public key, got a private key", {
      hint: "give the .pub file of the pair; the private key belongs only where bundles are signed",
    });
  }
  if (label === "CERTIFICATE") {
    return new SealiftError("KEY_INVALID", "expected a public key, got a certificate", {
      hint: "take its key out with `openssl x509 -in CERTIFICATE -noout -pubkey`",
    });
  }
  return new SealiftError("KEY_INVALID", `expected the PEM block "PUBLIC KEY", got ${quote(label)}`, {
    hint: "give the .pub file of a pair made by `sealift keygen` or `cosign generate-key-pair`",
  });
}
