import { answerError, type Purpose } from "./answer-error.js";
import type { Challenge } from "./challenge.js";
import {
  aboutCredentials,
  basicAuthorization,
  type CredentialLookup,
  secretsIn,
  type UserPassword,
} from "./credentials/index.js";
import { credentialHost, type RegistryHost } from "./host.js";
import type { Answer, HttpClient } from "./http.js";
import { tokenEndpoint } from "./realm.js";
import { readTokenAnswer, type Token } from "./token-answer.js";

/** What a token is for. */
export interface TokenRequest {
  readonly host: RegistryHost;
  /** Whose credentials are used, where a registry has several; by default, the registry's. */
  readonly repository?: string | undefined;
  /** A challenge of the scheme Bearer. */
  readonly challenge: Challenge;
  readonly scopes: readonly string[];
  /** A token that is not to be given again. */
  readonly refused?: string | undefined;
}

// What OAuth2 wants to know of who asks; it is no secret, and no service checks it.
const CLIENT_ID = "sealift";

// How token services that know no OAuth2 refuse a POST: GCR with 404, JFrog with
// 401, Azure with 400 (https://github.com/containerd/containerd/blob/main/core/remotes/docker/authorizer.go).
const NO_OAUTH2: ReadonlySet<number> = new Set([400, 401, 404]);

/** Gets tokens from the endpoints that challenges name, and keeps them while they are good. */
export class Tokens {
  readonly #http: HttpClient;
  readonly #credentials: CredentialLookup;
  readonly #privateRealms: readonly string[];
  // Whoever needs the same token at the same time waits for the same answer.
  readonly #tokens = new Map<string, Promise<Token>>();

  constructor(http: HttpClient, credentials: CredentialLookup, privateRealms: readonly string[]) {
    this.#http = http;
    this.#credentials = credentials;
    this.#privateRealms = privateRealms;
  }

  /** @throws SealiftError `UNAUTHORIZED`, `DENIED`, `UNREACHABLE`, `REGISTRY_PROTOCOL`, `CONFIG_INVALID`. */
  async get(request: TokenRequest): Promise<string> {
    const { host, repository, scopes, refused } = request;
    const key = JSON.stringify([host.origin, repository, [...scopes].sort()]);
    for (;;) {
      const kept = this.#tokens.get(key);
      if (kept === undefined) return (await this.#fetchAndKeep(key, request)).text;
      const { text, expires } = await kept;
      if (text !== refused && Date.now() < expires) return text;
      if (this.#tokens.get(key) === kept) this.#tokens.delete(key);
    }
  }

  async #fetchAndKeep(key: string, request: TokenRequest): Promise<Token> {
    const token = this.#fetch(request);
    this.#tokens.set(key, token);
    try {
      return await token;
    } catch (error) {
      this.#tokens.delete(key);
      throw error;
    }
  }

  async #fetch(request: TokenRequest): Promise<Token> {
    const { host, repository, challenge, scopes } = request;
    const credentials = await this.#credentials(credentialHost(host), repository);
    if (credentials !== undefined && "registryToken" in credentials) {
      return { text: credentials.registryToken, expires: Number.POSITIVE_INFINITY };
    }
    const endpoint = {
      url: tokenEndpoint(challenge, host, this.#privateRealms),
      registry: host,
      wanted:
        scopes.length === 0 ? `a token of ${host.registry}` : `a token of ${host.registry} for ${scopes.join(" ")}`,
      service: challenge.parameters.get("service"),
      scopes,
    };
    const purpose = {
      wanted: endpoint.wanted,
      registry: host.registry,
      aboutCredentials: aboutCredentials(credentials),
    };
    if (credentials === undefined || "password" in credentials) {
      return await tokenIn(await this.#ask(endpoint, credentials), {
        ...purpose,
        secrets: credentials === undefined ? [] : secretsIn(basicAuthorization(credentials)),
      });
    }
    const { username, identityToken } = credentials;
    const secrets = [identityToken, encodeURIComponent(identityToken)];
    const answer = await this.#exchangeIdentity(endpoint, identityToken);
    if (answer.status === 200 || !canBePassword(answer.status, username)) {
      return await tokenIn(answer, { ...purpose, secrets });
    }
    answer.discard();
    const login = { username: username ?? "", password: identityToken };
    return await tokenIn(await this.#ask(endpoint, login), {
      ...purpose,
      secrets: [...secrets, ...secretsIn(basicAuthorization(login))],
    });
  }

  /** The flow of https://distribution.github.io/distribution/spec/auth/token/. */
  async #ask({ url, registry, service, scopes, wanted }: Endpoint, login: UserPassword | undefined): Promise<Answer> {
    const asked = new URL(url);
    if (service !== undefined) asked.searchParams.append("service", service);
    for (const scope of scopes) asked.searchParams.append("scope", scope);
    const headers = login && { authorization: basicAuthorization(login) };
    // A redirect is not followed: the realm is where credentials go, and no place else.
    return await this.#http.exchange({ method: "GET", url: asked, registry, wanted, ...(headers && { headers }) });
  }

  /** The flow of https://distribution.github.io/distribution/spec/auth/oauth/. */
  async #exchangeIdentity(
    { url, registry, service, scopes, wanted }: Endpoint,
    identityToken: string,
  ): Promise<Answer> {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      refresh_token: identityToken,
      ...(service !== undefined && { service }),
      client_id: CLIENT_ID,
      ...(scopes.length > 0 && { scope: scopes.join(" ") }),
    });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = Buffer.from(form.toString());
    return await this.#http.exchange({ method: "POST", url, registry, wanted, headers, body });
  }
}

interface Endpoint {
  readonly url: URL;
  readonly registry: RegistryHost;
  /** Completes `expected …` in messages. */
  readonly wanted: string;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
}

/** Whether an identity token that was refused in one flow may be taken in the other. */
function canBePassword(status: number, username: string | undefined): boolean {
  return NO_OAUTH2.has(status) || (status === 405 && username !== undefined);
}

async function tokenIn(answer: Answer, purpose: Purpose): Promise<Token> {
  if (answer.status === 200) return await readTokenAnswer(answer, purpose.wanted);
  throw await answerError(answer, purpose);
}
