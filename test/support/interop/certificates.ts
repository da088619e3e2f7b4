import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { textOf } from "./process.js";

/** The paths of a certificate and of its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const DAYS = "2";

// P-256 keys are made in no time.
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];

/** A certificate authority of a test's own: OpenSSL makes it, and whatever it signs, in one folder. */
export class Authority {
  readonly #folder: string;
  readonly #own: KeyPair;

  private constructor(folder: string, own: KeyPair) {
    this.#folder = folder;
    this.#own = own;
  }

  static async make(folder: string): Promise<Authority> {
    await mkdir(folder, { recursive: true });
    const own = await makeCertificate(folder, "ca", ["basicConstraints = critical, CA:TRUE", "keyUsage = keyCertSign"]);
    return new Authority(folder, own);
  }

  /** The path of its own certificate. */
  get certificate(): string {
    return this.#own.certificate;
  }

  /** A certificate for a server on loopback, by address and by name. */
  async issueForServer(): Promise<KeyPair> {
    return await this.#issue("server", [
      "subjectAltName = IP:127.0.0.1, DNS:localhost",
      "extendedKeyUsage = serverAuth",
    ]);
  }

  async issueForClient(): Promise<KeyPair> {
    return await this.#issue("client", ["extendedKeyUsage = clientAuth"]);
  }

  async #issue(name: string, extensions: readonly string[]): Promise<KeyPair> {
    const signed = ["-CA", this.#own.certificate, "-CAkey", this.#own.key];
    return await makeCertificate(this.#folder, name, ["basicConstraints = critical, CA:FALSE", ...extensions], signed);
  }
}

/** Makes `name.crt` and `name.key`; without an authority among `options`, the certificate signs itself. */
export async function makeCertificate(
  folder: string,
  name: string,
  extensions: readonly string[],
  options: readonly string[] = [],
): Promise<KeyPair> {
  const made = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  const config = join(folder, `${name}.cnf`);
  // Debian's own configuration would make an authority of everything.
  const request = ["[req]", "prompt = no", "distinguished_name = dn", "x509_extensions = extensions"];
  await writeFile(
    config,
    [...request, "[dn]", `CN = Sealift test ${name}`, "[extensions]", ...extensions, ""].join("\n"),
  );
  const files = ["-config", config, "-out", made.certificate, "-keyout", made.key];
  await textOf("openssl", ["req", "-x509", "-days", DAYS, ...NEW_KEY, ...files, ...options]);
  return made;
}
