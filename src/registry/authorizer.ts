import { type Challenge, parseChallenges } from "./challenge.js";
import { basicAuthorization, type CredentialLookup } from "./credentials.js";
import type { RegistryHost } from "./host.js";
import type { HttpClient } from "./http.js";
import { Tokens } from "./tokens.js";

/** Who wants to do what where. */
export interface Access {
  readonly host: RegistryHost;
  /** As https://distribution.github.io/distribution/spec/auth/scope/ writes them. */
  readonly scopes: readonly string[];
}

/**
 * Knows what goes into the Authorization header of a registry.
 *
 * A registry that never asked for credentials gets none. One that did gets them
 * with every further request, so that each repository does not cost one that is
 * refused.
 */
export class Authorizer {
  readonly #credentials: CredentialLookup;
  readonly #tokens: Tokens;
  readonly #challenges = new Map<string, Challenge>();

  constructor(http: HttpClient, credentials: CredentialLookup) {
    this.#credentials = credentials;
    this.#tokens = new Tokens(http, credentials);
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
   *
   * @param header - The WWW-Authenticate header of the 401.
   * @param refused - The value that was refused.
   * @throws SealiftError as {@link Tokens.get}.
   */
  async renewedAuthorization(access: Access, header: string, refused: string | undefined): Promise<string | undefined> {
    const challenge = chooseChallenge(parseChallenges(header));
    if (challenge === undefined) return undefined;
    this.#challenges.set(access.host.origin, challenge);
    const authorization = await this.#respond(challenge, access, refused);
    return authorization === refused ? undefined : authorization;
  }

  async #respond(challenge: Challenge, { host, scopes }: Access, refused?: string): Promise<string | undefined> {
    if (challenge.scheme === "bearer") {
      return `Bearer ${await this.#tokens.get({ host, challenge, scopes, refused: refused?.replace(/^Bearer /, "") })}`;
    }
    const credentials = await this.#credentials(host.registry);
    return credentials && basicAuthorization(credentials);
  }
}

// A registry that offers both wants the password to go to its token service only.
function chooseChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  return (
    challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm")) ??
    challenges.find(({ scheme }) => scheme === "basic")
  );
}
