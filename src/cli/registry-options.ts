import type { Options } from "yargs";
import { SealiftError } from "../errors/index.js";
import type { CredentialSources, RegistryClientOptions } from "../index.js";
import { PATIENCE_OPTIONS, type PatienceArguments, patience } from "./patience.js";
import { type LoginArguments, readLogin } from "./registry-login.js";
import type { Session } from "./session.js";
import { TLS_OPTIONS, type TlsArguments, tlsSettings } from "./tls.js";

/** Where credentials are kept. */
export const AUTHFILE_OPTION = {
  authfile: {
    type: "string",
    requiresArg: true,
    describe: "File with credentials, instead of Docker's and Podman's",
  },
} as const satisfies Record<string, Options>;

/** Who logs in. */
export const LOGIN_OPTIONS = {
  username: { alias: "u", type: "string", requiresArg: true, describe: "User name at the registry" },
  "password-stdin": { type: "boolean", describe: "Take the password from standard input" },
} as const satisfies Record<string, Options>;

/** How a registry is spoken with, whoever logs in. */
export const CONNECTION_OPTIONS = {
  ...TLS_OPTIONS,
  "allow-private-realm": {
    type: "string",
    array: true,
    requiresArg: true,
    describe: "HOST[:PORT] with a private address that may be another registry's token service",
  },
  ...PATIENCE_OPTIONS,
} as const satisfies Record<string, Options>;

/** Where images are read from. */
export const MIRROR_OPTIONS = {
  "no-mirrors": {
    type: "boolean",
    describe: "Ask the registries alone, whatever registries.conf, hosts.toml and daemon.json say of mirrors",
  },
} as const satisfies Record<string, Options>;

/** What {@link MIRROR_OPTIONS} ask for. */
export function mirrorSettings(args: { readonly "no-mirrors": boolean | undefined }): RegistryClientOptions {
  return { mirrors: args["no-mirrors"] !== true };
}

/** What all commands take that carry images from or to registries. */
export const REGISTRY_OPTIONS = { ...AUTHFILE_OPTION, ...LOGIN_OPTIONS, ...CONNECTION_OPTIONS } as const;

/** What the command line says of connections: see {@link CONNECTION_OPTIONS}. */
export interface ConnectionArguments extends PatienceArguments, TlsArguments {
  readonly "allow-private-realm": readonly string[] | undefined;
}

/** What the command line says of registries: see {@link REGISTRY_OPTIONS}. */
export interface RegistryArguments extends ConnectionArguments, LoginArguments {
  readonly authfile: string | undefined;
}

/**
 * How to speak with registries.
 *
 * @param registries - All that will be spoken with, as they stand in references.
 * @throws SealiftError `USAGE`; `INTERRUPTED` at the question for a password.
 */
export async function registryOptions(
  args: RegistryArguments,
  registries: readonly string[],
  session: Session,
): Promise<RegistryClientOptions> {
  // Nobody should type a password only to learn of a typing error before it.
  const connection = connectionOptions(args, session);
  const given = await givenLogin(args, registries, session);
  return { ...connection, credentials: { ...credentialSources(args, session), ...(given && { given }) } };
}

/** What {@link CONNECTION_OPTIONS} ask for. */
export function connectionOptions(args: ConnectionArguments, session: Session): RegistryClientOptions {
  return { ...patience(args), ...tlsSettings(args, session), privateRealms: args["allow-private-realm"] ?? [] };
}

/** Where credentials are, and are kept. */
export function credentialSources(
  { authfile }: Pick<RegistryArguments, "authfile">,
  { host: { env }, signal }: Session,
): CredentialSources {
  return { env, signal, ...(authfile !== undefined && { authFile: authfile }) };
}

async function givenLogin(args: LoginArguments, registries: readonly string[], session: Session) {
  if (args.username === undefined && args["password-stdin"] !== true) return undefined;
  const [registry, ...others] = new Set(registries);
  if (registry === undefined || others.length > 0) {
    // Whoever gets a password that is not meant for him knows it.
    throw new SealiftError(
      "USAGE",
      `expected images of one registry with --username, got ${[...new Set(registries)].join(", ") || "none"}`,
      { hint: "log in to each of them instead: sealift login REGISTRY" },
    );
  }
  return { registry, ...(await readLogin(args, registry, session)) };
}
