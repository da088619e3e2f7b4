import {
  type AuthFile,
  credentialsIn,
  type HelperEntry,
  helperIn,
  parseAuthFile,
  readAuthFile,
  readNamedAuthFile,
} from "./auth-file.js";
import { registryOf } from "./auth-keys.js";
import type { CredentialLookup, Credentials, UserPassword } from "./credentials.js";
import { askHelper } from "./helper.js";
import { dockerConfigPath, podmanAuthPaths } from "./locations.js";
import { remembering } from "./remembering.js";

/** Where credentials are looked for, besides the usual places. */
export interface CredentialSources {
  /** Credentials for one registry, as it stands in references; they go before all others. */
  readonly given?: UserPassword & { readonly registry: string };
  /** A file in the form of Docker's or Podman's; nothing else is read then. It must be there. */
  readonly authFile?: string;
  /** By default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** Ends a credential helper when it is aborted. */
  readonly signal?: AbortSignal;
  /** How long a credential helper may take, in milliseconds; by default half a minute. */
  readonly helperTimeLimit?: number;
}

/**
 * Looks credentials up where Docker and Podman have them. The first place that
 * has some for a registry counts:
 *
 * 1. `given`;
 * 2. `authFile`, else the file that `REGISTRY_AUTH_FILE` names: then only there;
 * 3. `DOCKER_AUTH_CONFIG`;
 * 4. Docker's `config.json`;
 * 5. Podman's `auth.json`, per session and per user.
 *
 * In a file, a credential helper goes before what stands in it. Nothing is read
 * before the first call, and no file after the one that has an answer.
 */
export function findCredentials(sources: CredentialSources): CredentialLookup {
  const { given, env = process.env, authFile = env["REGISTRY_AUTH_FILE"] || undefined } = sources;
  const surroundings = { env, signal: sources.signal, timeLimit: sources.helperTimeLimit };
  const ask = remembering((key) => askHelper(JSON.parse(key) as HelperEntry, surroundings));
  const files = (authFile === undefined ? usualFiles(env) : [() => readNamedAuthFile(authFile)]).map(rememberingFile);
  return async (registry, repository) => {
    if (given !== undefined && registryOf(given.registry) === registry) {
      const { username, password } = given;
      return { username, password, source: "--username" };
    }
    for (const read of files) {
      const file = await read();
      const found = file && (await findIn(file, registry, repository, ask));
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

type ReadFile = () => Promise<AuthFile | undefined>;

function usualFiles(env: NodeJS.ProcessEnv): ReadFile[] {
  return [
    async () => environmentFile(env),
    ...[dockerConfigPath(env), ...podmanAuthPaths(env)].map((path) => () => readAuthFile(path)),
  ];
}

function rememberingFile(read: ReadFile): ReadFile {
  const readRemembered = remembering(read);
  return () => readRemembered("");
}

/**
 * `DOCKER_AUTH_CONFIG`: a config.json in the environment. As for Docker, only its
 * `auths` count (https://docs.docker.com/reference/cli/docker/login/).
 */
function environmentFile(env: NodeJS.ProcessEnv): AuthFile | undefined {
  const text = env["DOCKER_AUTH_CONFIG"];
  if (!text) return undefined;
  const file = parseAuthFile(Buffer.from(text), "DOCKER_AUTH_CONFIG");
  return { ...file, credHelpers: new Map(), credsStore: undefined };
}

async function findIn(
  file: AuthFile,
  registry: string,
  repository: string | undefined,
  ask: (key: string) => Promise<Credentials | undefined>,
): Promise<Credentials | undefined> {
  const helper = helperIn(file, registry);
  const kept = helper && (await ask(JSON.stringify(helper)));
  return kept ?? credentialsIn(file, registry, repository);
}
