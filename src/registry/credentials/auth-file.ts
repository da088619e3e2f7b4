import * as z from "zod";
import { quote, SealiftError } from "../../errors/index.js";
import { readSmallFile, readSmallFileIfThere } from "../../io/index.js";
import { parseJson } from "../../oci/index.js";
import { dockerKey, matchingKeys } from "./auth-keys.js";
import type { Credentials } from "./credentials.js";

// Some hundred bytes for each registry.
export const MAX_AUTH_FILE_SIZE = 1024 * 1024;

// The user name under which helpers keep an identity token
// (https://github.com/docker/cli/blob/master/cli/config/credentials/native_store.go).
const IDENTITY_TOKEN_USER = "<token>";

const entrySchema = z.object({
  auth: z.string().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
  identitytoken: z.string().nullish(),
  registrytoken: z.string().nullish(),
});

const authFileSchema = z.object({
  auths: z.record(z.string(), entrySchema.nullish()).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});

type Entry = z.infer<typeof entrySchema>;

/** What Docker's config.json and Podman's auth.json say of credentials; the two have one form. */
export interface AuthFile {
  /** What it is called in messages: its path in quotes. */
  readonly name: string;
  /** By what {@link matchingKeys} understands. */
  readonly auths: ReadonlyMap<string, Entry>;
  /** The credential helper for a registry: what follows `docker-credential-` in its name. */
  readonly credHelpers: ReadonlyMap<string, string>;
  /** The helper for all other registries. */
  readonly credsStore: string | undefined;
}

/**
 * Reads a file with credentials; undefined if there is none.
 *
 * @throws SealiftError `CONFIG_INVALID` if it cannot be read or understood, `MEDIUM_FAILED`.
 */
export async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  const bytes = await readSmallFileIfThere(path, MAX_AUTH_FILE_SIZE);
  return bytes && parseAuthFile(bytes, quote(path));
}

/** The same for a file that must be there: `FILE_NOT_FOUND` if it is not. */
export async function readNamedAuthFile(path: string): Promise<AuthFile> {
  return parseAuthFile(await readSmallFile(path, MAX_AUTH_FILE_SIZE), quote(path));
}

/**
 * Reads what a file with credentials holds. As for Docker, an empty one says nothing.
 *
 * @param name - What it is called in messages.
 * @throws SealiftError `CONFIG_INVALID`, with nothing of the content.
 */
export function parseAuthFile(bytes: Uint8Array, name: string): AuthFile {
  const { auths, credHelpers, credsStore } = bytes.length === 0 ? {} : parse(bytes, name);
  const entries = Object.entries(auths ?? {}).flatMap(([key, entry]) => (entry ? [[key, entry] as const] : []));
  return {
    name,
    auths: new Map(entries),
    credHelpers: new Map(Object.entries(credHelpers ?? {})),
    credsStore: credsStore || undefined,
  };
}

function parse(bytes: Uint8Array, name: string): z.infer<typeof authFileSchema> {
  try {
    return parseJson(bytes, authFileSchema, "the file", "CONFIG_INVALID");
  } catch {
    // The parser's error shows where it stopped, which may be a password.
    throw new SealiftError(
      "CONFIG_INVALID",
      `expected ${name} to be JSON in the form of Docker's config.json, got something else`,
      { hint: "correct it, or do without it" },
    );
  }
}

/** A credential helper to ask, and what to ask it for. */
export interface HelperEntry {
  readonly helper: string;
  readonly serverUrl: string;
  /** Who names it, for messages. */
  readonly source: string;
}

/**
 * The credential helper that a file names for a registry. An empty name in
 * `credHelpers` exempts a registry from `credsStore`, as in Docker.
 */
export function helperIn({ name, credHelpers, credsStore }: AuthFile, registry: string): HelperEntry | undefined {
  const [key] = matchingKeys([...credHelpers.keys()], registry);
  if (key !== undefined) {
    const helper = credHelpers.get(key);
    return helper ? { helper, serverUrl: key, source: `credHelpers in ${name}` } : undefined;
  }
  return credsStore
    ? { helper: credsStore, serverUrl: dockerKey(registry), source: `credsStore in ${name}` }
    : undefined;
}

/**
 * The credentials that stand in a file itself. Entries without any, which
 * Docker leaves behind where a helper has them, are passed over.
 *
 * @throws SealiftError `CONFIG_INVALID` if an entry cannot be understood.
 */
export function credentialsIn(file: AuthFile, registry: string, repository?: string): Credentials | undefined {
  for (const key of matchingKeys([...file.auths.keys()], registry, repository)) {
    const source = `auths[${quote(key)}] in ${file.name}`;
    const credentials = credentialsOf(file.auths.get(key) ?? {}, source);
    if (credentials !== undefined) return { ...credentials, source };
  }
  return undefined;
}

function credentialsOf(entry: Entry, source: string): Credentials | undefined {
  if (entry.registrytoken) return { registryToken: entry.registrytoken };
  const { username, password } = entry.auth
    ? decodeAuth(entry.auth, source)
    : { username: entry.username ?? "", password: entry.password ?? "" };
  if (entry.identitytoken) return { identityToken: entry.identitytoken, ...(username && { username }) };
  return loginOf(username, password);
}

/** A name and a secret as a helper or a file states them. */
export function loginOf(username: string, secret: string): Credentials | undefined {
  if (username === "" || secret === "") return undefined;
  return username === IDENTITY_TOKEN_USER ? { identityToken: secret } : { username, password: secret };
}

// As Go's base64.StdEncoding, which ignores line ends only.
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** `auth` is the base64 of `username:password`; some tools padded the password with NULs. */
function decodeAuth(auth: string, source: string): { username: string; password: string } {
  const encoded = auth.replace(/[\r\n]/g, "");
  const text = BASE64.test(encoded) ? Buffer.from(encoded, "base64").toString("utf8") : "";
  const colon = text.indexOf(":");
  if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
  throw new SealiftError(
    "CONFIG_INVALID",
    `expected ${source} to hold the base64 of username:password, got something else`,
    { hint: "log in again to have it made anew" },
  );
}
