import { type HelperEntry, helperIn, readAuthFile } from "./auth-file.js";
import { editAuths } from "./auth-file-edit.js";
import { dockerKey, registryOf } from "./auth-keys.js";
import { base64Login, type UserPassword } from "./credentials.js";
import { eraseWithHelper, helperProgram, storeWithHelper } from "./helper.js";
import { dockerConfigPath } from "./locations.js";
import type { CredentialSources } from "./lookup.js";

/** Where the credentials for a registry are kept. */
export interface LoginPlace {
  /** The file that holds them, or names the helper. */
  readonly path: string;
  /** The helper that keeps them, if there is one. */
  readonly helper: string | undefined;
}

/**
 * Keeps a name and a password where {@link findCredentials} will find them: with
 * the credential helper that the file names for the registry, else in the file
 * itself, as base64. The file is `authFile`, else what `REGISTRY_AUTH_FILE`
 * names, else Docker's.
 *
 * @param name - The registry's, as it stands in references; Docker Hub has several.
 * @throws SealiftError `CONFIG_INVALID` for the file or the helper, and as for any file.
 */
export async function storeLogin(name: string, login: UserPassword, sources: CredentialSources): Promise<LoginPlace> {
  const registry = registryOf(name);
  const { path, key, entry } = await placeOf(registry, sources);
  if (entry === undefined) {
    await editAuths(path, (auths) => new Map([...without(auths, registry), [key, { auth: base64Login(login) }]]));
    return { path, helper: undefined };
  }
  await storeWithHelper(entry, login, surroundingsOf(sources));
  // What an earlier login left there would lie about in plain sight.
  await forgetIn(path, registry);
  return { path, helper: helperProgram(entry) };
}

/**
 * Removes what {@link storeLogin} keeps, and what `docker login` or `podman login` kept in the same place.
 *
 * @returns Whether there was something, and where.
 * @throws SealiftError as {@link storeLogin}.
 */
export async function eraseLogin(
  name: string,
  sources: CredentialSources,
): Promise<LoginPlace & { readonly wasThere: boolean }> {
  const registry = registryOf(name);
  const { path, entry } = await placeOf(registry, sources);
  const wasKept = entry !== undefined && (await eraseWithHelper(entry, surroundingsOf(sources)));
  const wasInFile = await forgetIn(path, registry);
  return { path, helper: entry && helperProgram(entry), wasThere: wasKept || wasInFile };
}

interface Place {
  readonly path: string;
  /** What the registry is called in the file. */
  readonly key: string;
  readonly entry: HelperEntry | undefined;
}

async function placeOf(registry: string, { authFile, env = process.env }: CredentialSources): Promise<Place> {
  const named = authFile ?? (env["REGISTRY_AUTH_FILE"] || undefined);
  const path = named ?? dockerConfigPath(env);
  const file = await readAuthFile(path);
  // Podman writes docker.io as it stands in references.
  return { path, key: named === undefined ? dockerKey(registry) : registry, entry: file && helperIn(file, registry) };
}

function surroundingsOf({ env = process.env, signal, helperTimeLimit }: CredentialSources) {
  return { env, signal, timeLimit: helperTimeLimit };
}

/** Removes all entries of a registry, but not those of namespaces in it; whether there were any. */
async function forgetIn(path: string, registry: string): Promise<boolean> {
  let wasThere = false;
  await editAuths(path, (auths) => {
    const kept = without(auths, registry);
    wasThere = kept.size < auths.size;
    return wasThere ? kept : undefined;
  });
  return wasThere;
}

function without(auths: ReadonlyMap<string, unknown>, registry: string): Map<string, unknown> {
  return new Map([...auths].filter(([key]) => registryOf(key) !== registry));
}
