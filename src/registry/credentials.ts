import { homedir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import { readSmallFile } from "../io/index.js";
import { parseJson } from "../oci/index.js";

/** A user's name and password, or what a registry takes in their place. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Finds the credentials for a registry, as it stands in references; undefined if there are none. */
export type CredentialLookup = (registry: string) => Promise<Credentials | undefined>;

// The key under which `docker login` without a host stores what it was given
// (https://github.com/docker/cli/blob/master/cli/config/configfile/file.go).
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

// Some hundred bytes for each registry.
const MAX_CONFIG_FILE_SIZE = 1024 * 1024;

const configSchema = z.object({
  auths: z.record(z.string(), z.object({ auth: z.string().nullish() })).nullish(),
});

/**
 * Looks credentials up in Docker's `config.json`, under exactly the registry's
 * name. The file is read when the first registry asks for credentials.
 *
 * @param directory - Where `config.json` lies; by default `$DOCKER_CONFIG`, else `~/.docker`.
 * @throws SealiftError (the lookup) `CONFIG_INVALID` if the file cannot be read or understood.
 */
export function dockerCredentials(directory = dockerDirectory()): CredentialLookup {
  const path = join(directory, "config.json");
  let auths: Promise<ReadonlyMap<string, string>> | undefined;
  return async (registry) => {
    auths ??= readAuths(path);
    const key = registry === "docker.io" ? DOCKER_HUB_KEY : registry;
    const auth = (await auths).get(key);
    return auth === undefined ? undefined : decodeAuth(auth, key, path);
  };
}

function dockerDirectory(): string {
  return process.env.DOCKER_CONFIG || join(homedir(), ".docker");
}

async function readAuths(path: string): Promise<ReadonlyMap<string, string>> {
  const bytes = await readSmallFile(path, MAX_CONFIG_FILE_SIZE).catch((error: unknown) => {
    if (isSealiftError(error, "FILE_NOT_FOUND")) return undefined;
    throw error;
  });
  if (bytes === undefined) return new Map();
  // With a credential store, Docker leaves entries without `auth` behind.
  const entries = Object.entries(parseConfig(bytes, path).auths ?? {});
  return new Map(entries.flatMap(([key, { auth }]) => (auth ? [[key, auth] as const] : [])));
}

function parseConfig(bytes: Uint8Array, path: string): z.infer<typeof configSchema> {
  try {
    return parseJson(bytes, configSchema, "config.json", "CONFIG_INVALID");
  } catch {
    // The parser's error shows where it stopped, which may be a password.
    throw new SealiftError(
      "CONFIG_INVALID",
      `expected ${quote(path)} to be Docker's configuration, got something else`,
      {
        hint: "repair the file, or name another folder in DOCKER_CONFIG",
      },
    );
  }
}

/** `auth` is the base64 of `username:password`; some tools padded the password with NULs. */
function decodeAuth(auth: string, key: string, path: string): Credentials {
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon <= 0) {
    throw new SealiftError(
      "CONFIG_INVALID",
      `expected auths[${quote(key)}].auth in ${quote(path)} to be the base64 of username:password, got something else`,
      {
        hint: `log in again: docker login ${key === DOCKER_HUB_KEY ? "" : key}`.trimEnd(),
      },
    );
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

/** Credentials as the value of an Authorization header (RFC 7617). */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
