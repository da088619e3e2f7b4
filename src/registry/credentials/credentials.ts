/** A user's name and password, or what a registry takes for a password. */
export interface UserPassword {
  readonly username: string;
  readonly password: string;
}

/** What a token service gives tokens for (https://distribution.github.io/distribution/spec/auth/oauth/). */
export interface IdentityToken {
  readonly identityToken: string;
  /** With it, a token service that knows no OAuth2 may take the token as this user's password. */
  readonly username?: string;
}

/** A token that goes to the registry as it is. */
export interface RegistryToken {
  readonly registryToken: string;
}

/** What a user has been given for a registry. */
export type Credentials = (UserPassword | IdentityToken | RegistryToken) & {
  /** Where they came from, for messages. */
  readonly source?: string;
};

/**
 * Finds the credentials for a registry as it stands in references, or for one
 * repository of it; undefined if there are none. It is called for every token,
 * and with Basic for every request.
 *
 * @throws SealiftError `CONFIG_INVALID`, `FILE_NOT_FOUND`, `MEDIUM_FAILED`.
 */
export type CredentialLookup = (registry: string, repository?: string) => Promise<Credentials | undefined>;

/** Name and password as the value of an Authorization header (RFC 7617). */
export function basicAuthorization({ username, password }: UserPassword): string {
  return `Basic ${base64Login({ username, password })}`;
}

/** `username:password` in base64: what Docker's files and the scheme Basic have in common. */
export function base64Login({ username, password }: UserPassword): string {
  return Buffer.from(`${username}:${password}`).toString("base64");
}

/** What of an Authorization header no message may show. */
export function secretsIn(authorization: string): string[] {
  const value = authorization.replace(/^\S+ /, "");
  if (!/^basic /i.test(authorization)) return [value];
  const login = Buffer.from(value, "base64").toString("utf8");
  return [value, login.slice(login.indexOf(":") + 1)];
}

/** What a message says of the credentials that were of no use; undefined if nobody knows where they came from. */
export function aboutCredentials(credentials: Credentials | undefined): string | undefined {
  if (credentials === undefined) return "no credentials were found for it";
  return credentials.source && `the credentials came from ${credentials.source}`;
}
