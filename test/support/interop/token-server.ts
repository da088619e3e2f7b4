import { createPrivateKey, randomUUID, sign, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { makeCertificate } from "./certificates.js";
import { basicAuthorization, type Login } from "./login.js";

const ISSUER = "sealift-test-tokens";
const SERVICE = "sealift-test-registry";

// The life a token is said to have, whenever it really ends.
const STATED_LIFE_S = 300;

/** How a token server gives tokens. */
export interface TokenServerOptions {
  readonly login: Login;
  /**
   * After how many seconds at most, and one less at least, the registry refuses a
   * token; by default, as late as the token says. distribution allows clocks to differ by a minute
   * (https://github.com/distribution/distribution/blob/v2.8.3/registry/auth/token/token.go).
   */
  readonly refusedAfter?: number;
}

/** What a registry grants: `{ type: "repository", name: "app", actions: ["pull"] }`. */
interface Grant {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/**
 * A token server as https://distribution.github.io/distribution/spec/auth/token/
 * describes it, which gives one user whatever is asked for, signed with a key
 * of its own.
 */
export class TokenServer implements AsyncDisposable {
  /** `127.0.0.1:PORT`; plain HTTP, so an nginx belongs in front of it. */
  readonly host: string;
  /** The scopes of every token that was given. */
  readonly given: string[][] = [];
  readonly #server: Server;
  readonly #options: TokenServerOptions;
  readonly #certificate: string;
  readonly #key: Buffer;

  private constructor(server: Server, options: TokenServerOptions, certificate: string, key: Buffer) {
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#server = server;
    this.#options = options;
    this.#certificate = certificate;
    this.#key = key;
    server.on("request", (request, response) => void this.#answer(request, response));
  }

  /** Keeps its key in `folder`. */
  static async start(folder: string, options: TokenServerOptions): Promise<TokenServer> {
    await mkdir(folder, { recursive: true });
    const { certificate, key } = await makeCertificate(folder, "tokens", ["basicConstraints = critical, CA:TRUE"]);
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TokenServer(server, options, certificate, await readFile(key));
  }

  /** distribution's `auth` section for a registry whose clients find this server at `realm`. */
  auth(realm: string): object {
    return { token: { realm, service: SERVICE, issuer: ISSUER, rootcertbundle: this.#certificate } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.authorization !== basicAuthorization(this.#options.login)) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="tokens"' }).end();
      return;
    }
    const query = new URL(request.url ?? "/", "http://localhost").searchParams;
    const scopes = query.getAll("scope").flatMap((scope) => scope.split(" "));
    this.given.push(scopes);
    const token = await this.#sign(scopes.map(grantOf));
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token, expires_in: STATED_LIFE_S }));
  }

  /** A JSON Web Token (RFC 7519) that names the certificate which its signature is checked with. */
  async #sign(access: readonly Grant[]): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const { refusedAfter, login } = this.#options;
    const ends = refusedAfter === undefined ? now + STATED_LIFE_S : now + refusedAfter - 60;
    const certificate = new X509Certificate(await readFile(this.#certificate));
    const header = { typ: "JWT", alg: "ES256", x5c: [certificate.raw.toString("base64")] };
    const times = { iat: now, nbf: now - 120, exp: ends };
    const claims = { iss: ISSUER, sub: login.username, aud: SERVICE, jti: randomUUID(), ...times, access };
    const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    const key = { key: createPrivateKey(this.#key), dsaEncoding: "ieee-p1363" } as const;
    return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
  }
}

function grantOf(scope: string): Grant {
  const [, type = "", name = "", actions = ""] = /^([^:]+):(.+):([^:]*)$/.exec(scope) ?? [];
  return { type, name, actions: actions.split(",") };
}
