import type { CredentialSources, LoginPlace, UserPassword } from "../registry/index.js";
import type { RegistryOptions } from "./options.js";

/** What {@link logIn} takes. */
export interface LogInOptions extends RegistryOptions {
  /** As it stands in references: `docker.io`, `localhost:5000`. */
  readonly to: string;
  readonly login: UserPassword;
  /** Where credentials are kept. */
  readonly keep?: CredentialSources;
}

/** What {@link logIn} did. */
export interface LogInResult extends LoginPlace {
  /** Whether the registry wanted the credentials; if not, nobody has checked them. */
  readonly wasChecked: boolean;
}

/**
 * Has a registry check credentials, and keeps them for later.
 *
 * @throws SealiftError `UNAUTHORIZED` if the registry does not take them, and
 * nothing is kept then; as `RegistryClient.checkLogin` and `storeLogin`.
 */
export async function logIn({ to, login, keep = {}, registry, signal }: LogInOptions): Promise<LogInResult> {
  const { RegistryClient, storeLogin } = await import("../registry/index.js");
  await using client = new RegistryClient({ ...registry, credentials: async () => login });
  const wasChecked = await client.checkLogin(to, signal && { signal });
  return { ...(await storeLogin(to, login, keep)), wasChecked };
}

/** What {@link logOut} did. */
export interface LogOutResult extends LoginPlace {
  /** Whether there was something to remove. */
  readonly wasThere: boolean;
  /** Where there still are credentials for the registry, which will be used. */
  readonly remains: string | undefined;
}

/**
 * Removes the credentials for a registry from where {@link logIn} keeps them.
 *
 * @param from - The registry as it stands in references.
 * @throws SealiftError as `eraseLogin`.
 */
export async function logOut(from: string, keep: CredentialSources = {}): Promise<LogOutResult> {
  const { eraseLogin, findCredentials } = await import("../registry/index.js");
  const erased = await eraseLogin(from, keep);
  // Whatever is wrong with the other places, this one is clean.
  const remains = await findCredentials(keep)(from).catch(() => undefined);
  return { ...erased, remains: remains?.source };
}
