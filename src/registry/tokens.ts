import * as z from "zod";
import { quote, SealiftError } from "../errors/index.js";
import { parseJson } from "../oci/index.js";
import { answerError } from "./answer-error.js";
import { readBody } from "./body.js";
import type { Challenge } from "./challenge.js";
import { basicAuthorization, type CredentialLookup } from "./credentials.js";
import type { RegistryHost } from "./host.js";
import type { HttpClient } from "./http.js";

/** What a token is for. */
export interface TokenRequest {
  readonly host: RegistryHost;
  /** A challenge of the scheme Bearer. */
  readonly challenge: Challenge;
  readonly scopes: readonly string[];
  /** A token that is not to be given again. */
  readonly refused?: string | undefined;
}

interface Token {
  readonly text: string;
  /** In milliseconds, as Date.now() gives them. */
  readonly expires: number;
}

// The answer may hold several tokens, each of them short enough for a header,
// of which servers take 8 to 16 KiB.
const MAX_ANSWER = 256 * 1024;

// What https://distribution.github.io/distribution/spec/auth/token/ says of
// expires_in: the default, and the least a client must be able to rely on.
const MIN_LIFE_S = 60;

// A token that is about to expire might do so before its request arrives.
const SPARE_LIFE_S = 10;

// The text goes into a header: it must not bring others along.
const tokenText = z.string().regex(/^[\x21-\x7e]+$/, "expected printable ASCII without spaces");

const answerSchema = z.object({
  token: tokenText.nullish(),
  access_token: tokenText.nullish(),
  expires_in: z.number().nullish(),
});

/** Gets tokens from the endpoints that challenges name, and keeps them while they are good. */
export class Tokens {
  readonly #http: HttpClient;
  readonly #credentials: CredentialLookup;
  // Whoever needs the same token at the same time waits for the same answer.
  readonly #tokens = new Map<string, Promise<Token>>();

  constructor(http: HttpClient, credentials: CredentialLookup) {
    this.#http = http;
    this.#credentials = credentials;
  }

  /** @throws SealiftError `UNAUTHORIZED`, `DENIED`, `UNREACHABLE`, `REGISTRY_PROTOCOL`, `CONFIG_INVALID`. */
  async get(request: TokenRequest): Promise<string> {
    const key = [request.host.origin, ...[...request.scopes].sort()].join(" ");
    for (;;) {
      const kept = this.#tokens.get(key);
      if (kept === undefined) return (await this.#fetchAndKeep(key, request)).text;
      const { text, expires } = await kept;
      if (text !== request.refused && Date.now() < expires) return text;
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

  async #fetch({ host, challenge, scopes }: TokenRequest): Promise<Token> {
    const url = realmOf(challenge, host);
    const service = challenge.parameters.get("service");
    if (service !== undefined) url.searchParams.append("service", service);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    const credentials = await this.#credentials(host.registry);
    const headers = credentials && { authorization: basicAuthorization(credentials) };
    const wanted = `a token of ${host.registry} for ${scopes.join(" ")}`;
    // A redirect is not followed: the realm is where credentials go, and no place else.
    const answer = await this.#http.exchange({ method: "GET", url, wanted, ...(headers && { headers }) });
    if (answer.status !== 200) throw await answerError(answer, { wanted, registry: host.registry });
    const stated = parseAnswer(await readBody(answer, MAX_ANSWER));
    const text = stated?.token ?? stated?.access_token;
    if (!text) {
      throw new SealiftError(
        "REGISTRY_PROTOCOL",
        `expected ${wanted}, got an answer without token and access_token from ${url.host}`,
      );
    }
    const life = Math.max(stated?.expires_in ?? 0, MIN_LIFE_S) - SPARE_LIFE_S;
    return { text, expires: Date.now() + life * 1000 };
  }
}

/** What a token endpoint answered, if that can be read. Why it cannot is not said: the words would show the token. */
function parseAnswer({
  bytes,
  isWhole,
}: {
  bytes: Uint8Array;
  isWhole: boolean;
}): z.infer<typeof answerSchema> | undefined {
  if (!isWhole) return undefined;
  try {
    return parseJson(bytes, answerSchema, "the token answer", "REGISTRY_PROTOCOL");
  } catch {
    return undefined;
  }
}

/**
 * The token endpoint. Credentials are sent there, so TLS is demanded of it,
 * unless it is a part of the registry, which is spoken to in the same way anyhow.
 */
function realmOf({ parameters }: Challenge, { registry, origin }: RegistryHost): URL {
  const realm = parameters.get("realm") ?? "";
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url?.protocol === "https:" || url?.origin === origin) return url;
  throw new SealiftError(
    "REGISTRY_PROTOCOL",
    `expected ${registry} to name an https URL as its token realm, got ${quote(realm)}`,
    {
      hint: "credentials are not sent to a place that anybody can pretend to be: have the registry's token service use TLS",
    },
  );
}
