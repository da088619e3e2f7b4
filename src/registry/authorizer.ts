import type { Access } from "./access.js";
import { type Challenge, parseChallenges } from "./challenge.js";
import { aboutCredentials, basicAuthorization, type CredentialLookup } from "./credentials/index.js";
import { credentialHost, type RegistryHost } from "./host.js";
import type { HttpClient } from "./http.js";
import { ScopeUpgrades } from "./scope-upgrades.js";
import { Tokens } from "./tokens.js";

/** A 401. */
export interface Refusal {
  /** Its WWW-Authenticate header. */
  readonly header: string;
  /** The Authorization that was refused; undefined if there was none. */
  readonly refused: string | undefined;
  /** Whether `refused` was made for this very request. */
  readonly wasFresh: boolean;
}

/**
 * Knows what goes into the Authorization header of a registry.
 *
 * A registry that never asked for credentials gets none. One that did gets them
 * with every further request, so that each repository does not cost one that is
 * refused.
 */
export class Authorizer {
  readonly #http: HttpClient;
  readonly #credentials: CredentialLookup;
  readonly #tokens: Tokens;
  readonly #upgrades = new ScopeUpgrades();
  readonly #challenges = new Map<string, Challenge>();
  // Registries that do not say in a 401 what they want are asked once for all.
  readonly #pings = new Map<string, Promise<Challenge | undefined>>();

  /** @param privateRealms - As for `tokenEndpoint`. */
  constructor(http: HttpClient, credentials: CredentialLookup, privateRealms: readonly string[]) {
    this.#http = http;
    this.#credentials = credentials;
    this.#tokens = new Tokens(http, credentials, privateRealms);
  }

  /**
   * The header's value; undefined if the registry gets none.
   *
   * @throws SealiftError as {@link Tokens.get}.
   */
  async authorization(access: Access): Promise<string | undefined> {
    const challenge = this.#challenges.get(access.host.origin);
    return challenge && (await this.#respond(challenge, access));
  }

  /**
   * The header's value after a 401; undefined if there is nothing else to try.
   * What was made for the request and refused is not made again, unless the
   * registry says which scope it lacked.
   *
   * @throws SealiftError as {@link Tokens.get}.
   */
  async renewedAuthorization(access: Access, refusal: Refusal): Promise<string | undefined> {
    const { header, refused, wasFresh } = refusal;
    const challenge = chooseChallenge(parseChallenges(header)) ?? (await this.#knownOrAsked(access.host));
    if (challenge === undefined) return undefined;
    this.#challenges.set(access.host.origin, challenge);
    const isUpgrade = refused !== undefined && this.#upgrades.add(access, challenge);
    if (wasFresh && !isUpgrade) return undefined;
    const authorization = await this.#respond(challenge, access, refused);
    return authorization === refused ? undefined : authorization;
  }

  /** Whether a registry asked for credentials so far. */
  wasAsked({ origin }: RegistryHost): boolean {
    return this.#challenges.has(origin);
  }

  /**
   * What to say of the credentials that a registry got and refused; undefined if
   * it never asked for some.
   *
   * @throws SealiftError as the lookup.
   */
  async aboutCredentials({ host, repository }: Access): Promise<string | undefined> {
    if (!this.wasAsked(host)) return undefined;
    return aboutCredentials(await this.#credentials(credentialHost(host), repository));
  }

  async #respond(challenge: Challenge, access: Access, refused?: string): Promise<string | undefined> {
    const { host, repository } = access;
    if (challenge.scheme === "bearer") {
      const scopes = this.#upgrades.scopesOf(access);
      const token = refused?.replace(/^Bearer /, "");
      return `Bearer ${await this.#tokens.get({ host, repository, challenge, scopes, refused: token })}`;
    }
    const credentials = await this.#credentials(credentialHost(host), repository);
    return credentials !== undefined && "password" in credentials ? basicAuthorization(credentials) : undefined;
  }

  /**
   * What a registry wants that sent a 401 without saying so, as gcr.io does: what
   * it wanted before, else what it says at `/v2/`, as containers/image asks
   * (docker_client.go, setupRequestAuth).
   */
  async #knownOrAsked(host: RegistryHost): Promise<Challenge | undefined> {
    const { origin } = host;
    const known = this.#challenges.get(origin);
    if (known !== undefined) return known;
    const ping = this.#pings.get(origin) ?? this.#ping(host);
    this.#pings.set(origin, ping);
    return await ping;
  }

  async #ping(registry: RegistryHost): Promise<Challenge | undefined> {
    try {
      const wanted = `${registry.registry} to say how to log in`;
      const url = new URL("/v2/", registry.origin);
      const answer = await this.#http.exchange({ method: "GET", url, registry, wanted });
      answer.discard();
      return chooseChallenge(parseChallenges(answer.header("www-authenticate") ?? ""));
    } catch {
      // The 401 has come, and says what matters.
      return undefined;
    }
  }
}

// A registry that offers both wants the password to go to its token service only.
function chooseChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  return (
    challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm")) ??
    challenges.find(({ scheme }) => scheme === "basic")
  );
}
