import { rootCertificates } from "node:tls";
import { readSmallFileIfThere } from "../../io/index.js";
import type { Places } from "../surroundings.js";
import { certificatesIn, readCertificates } from "./pem.js";

// Where systems keep the authorities they trust, with those that their
// administrators added; the first that is there counts
// (https://github.com/golang/go/blob/master/src/crypto/x509/root_linux.go, and so docker and podman).
const SYSTEM_BUNDLES = [
  "etc/ssl/certs/ca-certificates.crt",
  "etc/pki/tls/certs/ca-bundle.crt",
  "etc/ssl/ca-bundle.pem",
  "etc/pki/tls/cacert.pem",
  "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "etc/ssl/cert.pem",
];

const MAX_BUNDLE_SIZE = 16 * 1024 * 1024;

/**
 * The certificates, as PEM, of the authorities that are trusted everywhere:
 * Node's own, the system's, and those of NODE_EXTRA_CA_CERTS. Node itself would
 * forget the last ones where authorities are named.
 *
 * @throws SealiftError `FILE_NOT_FOUND`, `CONFIG_INVALID` for what NODE_EXTRA_CA_CERTS or SSL_CERT_FILE names.
 */
export async function usualAuthorities(places: Places): Promise<string[]> {
  const { NODE_EXTRA_CA_CERTS: extra, SSL_CERT_FILE: bundle } = places.env;
  return withoutTwins([
    ...rootCertificates,
    ...(bundle ? await readCertificates(bundle) : await systemAuthorities(places)),
    ...(extra ? await readCertificates(extra) : []),
  ]);
}

async function systemAuthorities(places: Places): Promise<string[]> {
  for (const path of SYSTEM_BUNDLES) {
    const bytes = await readSmallFileIfThere(places.system(path), MAX_BUNDLE_SIZE);
    if (bytes !== undefined) return certificatesIn(bytes.toString("latin1"));
  }
  return [];
}

/** The same certificates, each once: OpenSSL takes most of a millisecond for one, and most are there twice. */
function withoutTwins(certificates: readonly string[]): string[] {
  return [...new Map(certificates.map((pem) => [pem.replace(/\s+/g, ""), pem])).values()];
}
