import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

/** A certificate and its private key, both PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
interface Statement {
  readonly name: string;
  /** The names and addresses of a server. */
  readonly hosts?: readonly string[];
  readonly isAuthority?: boolean;
  /** By default the certificate is good until long after the test. */
  readonly notAfter?: Date;
}

/**
 * An authority of a test's own. Certificates are made here, and not by openssl,
 * so that tests need no tool and no fixture that expires.
 */
export class TestAuthority {
  readonly #name: string;
  readonly #key: KeyObject;
  /** Its own certificate, PEM. */
  readonly cert: string;

  constructor(name = "Test Authority") {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#name = name;
    this.#key = privateKey;
    this.cert = this.#sign({ name, isAuthority: true }, publicKey);
  }

  /** A certificate for a server with these names and addresses. */
  forServer(hosts: readonly string[] = ["127.0.0.1", "localhost"], notAfter?: Date): Certificate {
    return this.#issue({ name: hosts[0] ?? "", hosts, ...(notAfter && { notAfter }) });
  }

  forClient(name: string): Certificate {
    return this.#issue({ name });
  }

  #issue(statement: Statement): Certificate {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return {
      cert: this.#sign(statement, publicKey),
      key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    };
  }

  /** RFC 5280 section 4.1. */
  #sign({ name, hosts, isAuthority = false, notAfter }: Statement, publicKey: KeyObject): string {
    const year = 365 * 24 * 3600 * 1000;
    const notBefore = new Date(Date.now() - year);
    const extensions = [
      extension([0x55, 0x1d, 0x13], sequence(isAuthority ? der(0x01, Buffer.from([0xff])) : Buffer.alloc(0))),
      ...(hosts === undefined ? [] : [extension([0x55, 0x1d, 0x11], sequence(...hosts.map(alternativeName)))]),
    ];
    const statement = sequence(
      der(0xa0, der(0x02, Buffer.from([2]))),
      der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
      ECDSA_WITH_SHA256,
      distinguishedName(this.#name),
      sequence(time(notBefore), time(notAfter ?? new Date(Date.now() + year))),
      distinguishedName(name),
      publicKey.export({ type: "spki", format: "der" }),
      der(0xa3, sequence(...extensions)),
    );
    const signature = Buffer.concat([Buffer.from([0]), sign("sha256", statement, this.#key)]);
    const base64 = sequence(statement, ECDSA_WITH_SHA256, der(0x03, signature)).toString("base64");
    const lines = base64.match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  }
}

const ECDSA_WITH_SHA256 = sequence(der(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])));

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...items: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(items));
}

function distinguishedName(name: string): Buffer {
  return sequence(der(0x31, sequence(der(0x06, Buffer.from([0x55, 0x04, 0x03])), der(0x0c, Buffer.from(name)))));
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]|\..*/g, "")}Z`));
}

function extension(oid: readonly number[], value: Buffer): Buffer {
  return sequence(der(0x06, Buffer.from(oid)), der(0x04, value));
}

function alternativeName(host: string): Buffer {
  return isIP(host) === 4 ? der(0x87, Buffer.from(host.split(".").map(Number))) : der(0x82, Buffer.from(host));
}
