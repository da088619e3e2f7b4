import { type ConnectionOptions, createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { quote, SealiftError } from "../../errors/index.js";
import { errnoOf } from "../../io/index.js";
import type { RegistryHost } from "../host.js";
import type { Places } from "../surroundings.js";
import { usualAuthorities } from "./authorities.js";
import { type HostCertificates, readCertsFolders } from "./certs-folders.js";
import { type ClientPair, readCertificates, readClientPair } from "./pem.js";

/** How TLS is spoken with all hosts. */
export interface TlsOptions {
  /** Paths of PEM files with authorities that are trusted besides the usual ones. */
  readonly caFiles?: readonly string[];
  /** Whether nobody checks who answers in a registry's name: anybody on the way may read and change what passes. */
  readonly skipVerify?: boolean;
}

/** What Node is told of a TLS connection. */
export type HostTlsOptions = Pick<ConnectionOptions, "rejectUnauthorized" | "secureContext">;

/**
 * Knows how TLS is spoken with each host. No file is read before TLS is spoken,
 * and none twice.
 */
export class TlsSettings {
  readonly #places: Places;
  readonly #caFiles: readonly string[];
  readonly #skipsVerify: boolean;
  readonly #folders = new Map<string, Promise<HostCertificates>>();
  readonly #options = new Map<string, Promise<HostTlsOptions>>();
  #usualAuthorities: Promise<string[]> | undefined;

  constructor(places: Places, { caFiles = [], skipVerify = false }: TlsOptions) {
    this.#places = places;
    this.#caFiles = caFiles;
    this.#skipsVerify = skipVerify;
  }

  /**
   * How to connect to the host of a URL, on behalf of a registry that named it;
   * without one, to a proxy.
   *
   * The authorities of a registry vouch for its token service and its storage,
   * too, as with docker. Its client certificate is for itself alone.
   *
   * @returns The same object for the same settings.
   * @throws SealiftError `FILE_NOT_FOUND`, `CONFIG_INVALID`.
   */
  async optionsFor(url: URL, registry?: RegistryHost): Promise<HostTlsOptions> {
    const own = await this.#foldersOf(url);
    const isRegistry = registry !== undefined && registry.origin === url.origin;
    const registryFolders = registry === undefined ? own : await this.#foldersOf(new URL(registry.origin));
    // Nobody asked for proxies that are not checked: they may get a password.
    const skipVerify =
      registry !== undefined && (this.#skipsVerify || (isRegistry && registry.tls?.skipVerify === true));
    const authorities = [
      ...this.#caFiles,
      ...own.authorities,
      ...registryFolders.authorities,
      ...(registry?.tls?.authorities ?? []),
    ];
    const client = (isRegistry ? registry.tls?.client : undefined) ?? own.client;
    return await this.#optionsOf(skipVerify ? undefined : [...new Set(authorities)], client);
  }

  async #foldersOf(url: URL): Promise<HostCertificates> {
    const folders = this.#folders.get(url.host) ?? readCertsFolders(url, this.#places);
    this.#folders.set(url.host, folders);
    return await folders;
  }

  async #optionsOf(authorities: readonly string[] | undefined, client: ClientPair | undefined) {
    const key = JSON.stringify([authorities, client]);
    const options = this.#options.get(key) ?? this.#read(authorities, client);
    this.#options.set(key, options);
    return await options;
  }

  /** @param authorities - Paths; undefined if nobody checks who answers. */
  async #read(authorities: readonly string[] | undefined, client: ClientPair | undefined): Promise<HostTlsOptions> {
    const pair = client && (await readClientPair(client));
    if (authorities === undefined) return { rejectUnauthorized: false, secureContext: contextOf({ ...pair }, client) };
    this.#usualAuthorities ??= usualAuthorities(this.#places);
    const extra = await Promise.all(authorities.map(readCertificates));
    const ca = [...(await this.#usualAuthorities), ...extra.flat()];
    // Said so that NODE_TLS_REJECT_UNAUTHORIZED says nothing.
    return { rejectUnauthorized: true, secureContext: contextOf({ ...pair, ca }, client) };
  }
}

function contextOf(options: SecureContextOptions, client: ClientPair | undefined): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    if (client === undefined) throw error;
    // OpenSSL has rules of its own, such as for the length of keys.
    throw new SealiftError(
      "CONFIG_INVALID",
      `expected a client certificate in ${quote(client.certificate)}, got one that OpenSSL refuses (${errnoOf(error) ?? "no reason"})`,
      { hint: "have a new one made, with a key of today's length" },
    );
  }
}
