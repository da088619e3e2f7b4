import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { quote, SealiftError } from "../../errors/index.js";
import { readSmallFile } from "../../io/index.js";

// The bundles of all public authorities have a quarter of a MiB.
const MAX_PEM_SIZE = 4 * 1024 * 1024;

// RFC 7468 section 5.
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** A certificate and its private key, by the paths of their PEM files, which may be one. */
export interface ClientPair {
  readonly certificate: string;
  readonly key: string;
}

/** The certificates in a text, as PEM, without a look into them. */
export function certificatesIn(text: string): string[] {
  return text.match(CERTIFICATES) ?? [];
}

/**
 * The certificates of a PEM file, as PEM.
 *
 * @throws SealiftError `FILE_NOT_FOUND`; `CONFIG_INVALID` if there is none, or one that is not a certificate.
 */
export async function readCertificates(path: string): Promise<string[]> {
  const certificates = certificatesIn((await readSmallFile(path, MAX_PEM_SIZE)).toString("latin1"));
  if (certificates.length === 0) throw notPem(path, "certificates", "nothing of the kind");
  for (const certificate of certificates) parseCertificate(certificate, path);
  return certificates;
}

/**
 * A client certificate, with those that follow it, and its private key, as PEM.
 *
 * @throws SealiftError `FILE_NOT_FOUND`; `CONFIG_INVALID` if they are not PEM, if
 * the key is locked by a password, or if they do not belong together.
 */
export async function readClientPair({
  certificate: certificatePath,
  key: keyPath,
}: ClientPair): Promise<{ readonly cert: string; readonly key: string }> {
  const certificates = await readCertificates(certificatePath);
  const key = (await readSmallFile(keyPath, MAX_PEM_SIZE)).toString("latin1");
  const certificate = parseCertificate(certificates[0] ?? "", certificatePath);
  if (!certificate.checkPrivateKey(parseKey(key, keyPath))) {
    throw new SealiftError(
      "CONFIG_INVALID",
      `expected ${quote(keyPath)} to be the private key of the certificate in ${quote(certificatePath)}, got another one`,
      { hint: "put the two that were made together beside each other" },
    );
  }
  return { cert: certificates.join("\n"), key };
}

function parseCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw notPem(path, "certificates", "one that cannot be read");
  }
}

function parseKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // OpenSSL's words could show parts of the key; it does not say more than this either.
    throw notPem(path, "a private key without a password", "something else");
  }
}

function notPem(path: string, expected: string, came: string): SealiftError {
  return new SealiftError("CONFIG_INVALID", `expected ${quote(path)} to hold ${expected} in PEM, got ${came}`, {
    hint: "convert it with openssl, or correct the setting that names it",
  });
}
