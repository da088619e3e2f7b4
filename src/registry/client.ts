import { isSealiftError, SealiftError } from "../errors/index.js";
import { HashThread } from "../io/index.js";
import type { Reference } from "../oci/index.js";
import type { EventListener, ImageSource, Op, RepositoryLister } from "../ports/index.js";
import { Authorizer } from "./authorizer.js";
import { CATALOG_SCOPE, Catalog } from "./catalog.js";
import { type CredentialLookup, type CredentialSources, findCredentials } from "./credentials/index.js";
import { isLoopback, type RegistryHost, registryHost } from "./host.js";
import { HttpClient, type Timeouts } from "./http.js";
import { type LostPlaces, MirroredRepository } from "./mirrored-repository.js";
import type { Endpoint } from "./mirrors/endpoint.js";
import { MirrorLookup } from "./mirrors/mirror-lookup.js";
import type { PullQuota, QuotaPolicy } from "./quota.js";
import { Remote } from "./remote.js";
import { RegistryRepository } from "./repository.js";
import { Places, type Surroundings } from "./surroundings.js";
import type { TlsOptions } from "./tls/tls-settings.js";
import { type RetryPolicy, Transport } from "./transport.js";

/** What a {@link RegistryClient} accepts. */
export interface RegistryClientOptions {
  /** Whether plain HTTP is spoken with a host, given with its port if it has one; by default, with loopback hosts only. */
  readonly plainHttp?: (host: string) => boolean;
  readonly tls?: TlsOptions;
  /** Whether images are read from mirrors, where the machine's configuration names some; by default, they are. */
  readonly mirrors?: boolean;
  /** The machine that all configuration but that of credentials is read from; by default, this one. */
  readonly surroundings?: Surroundings;
  /** Where credentials come from when a registry asks for them; by default, where Docker and Podman have them. */
  readonly credentials?: CredentialLookup | CredentialSources;
  /** Hosts with private addresses that registries at other hosts may name as their token services. */
  readonly privateRealms?: readonly string[];
  readonly retry?: RetryPolicy;
  /**
   * How long a registry may be silent, in milliseconds; by default a minute in a
   * download, and five before an answer. It lengthens the times for uploads and
   * what a registry does with them, and never cuts them.
   */
  readonly silence?: number;
  readonly timeouts?: Partial<Timeouts>;
  /** What to do when a registry that counts pulls lets few more pass; by default, they are used up. */
  readonly quota?: QuotaPolicy;
  /** Told of waits, and of pulls that run out. */
  readonly onEvent?: EventListener;
}

/** Speaks with registries, over connections and with tokens that all its repositories share. */
export class RegistryClient implements AsyncDisposable {
  readonly #http: HttpClient;
  readonly #authorizer: Authorizer;
  readonly #transport: Transport;
  readonly #hashThread: HashThread;
  readonly #plainHttp: (host: string) => boolean;
  readonly #mirrors: MirrorLookup | undefined;
  readonly #lostMirrors: LostPlaces = new Map();
  readonly #insecure = new Set<string>();
  readonly #onEvent: EventListener;

  constructor(options: RegistryClientOptions = {}) {
    const { surroundings, mirrors = true, onEvent = () => undefined } = options;
    this.#plainHttp = options.plainHttp ?? isLoopback;
    this.#http = new HttpClient(options);
    const { credentials = {}, privateRealms = [] } = options;
    this.#authorizer = new Authorizer(this.#http, lookupOf(credentials), privateRealms);
    this.#onEvent = onEvent;
    this.#mirrors = mirrors ? new MirrorLookup(new Places(surroundings), this.#plainHttp) : undefined;
    this.#transport = new Transport(this.#http, this.#authorizer, options);
    this.#hashThread = new HashThread((chunk) => this.#http.buffers.giveBack(chunk));
  }

  /** The repository of a reference; nothing is asked of the registry yet. */
  repository(registry: string, repository: string): RegistryRepository {
    return this.#repositoryAt(registryHost(registry, this.#plainHttp), repository);
  }

  /** The repositories of a registry; nothing is asked of it yet. */
  catalog(registry: string): RepositoryLister {
    const host = registryHost(registry, this.#plainHttp);
    const transport = this.#transport;
    return new Catalog({
      host,
      requestOnce: ({ op, ...call }) =>
        transport.requestOnce({ scopes: [CATALOG_SCOPE], ...call, host, signal: op?.signal }),
      retry: (attempt, op) => transport.retry(attempt, { registry, signal: op?.signal }),
    });
  }

  /**
   * Where what a reference names can be read: at its registry, or at the mirrors
   * that the machine's configuration names for it, and then at its registry.
   *
   * @throws SealiftError `DENIED` if the configuration blocks it; `CONFIG_INVALID`, `FILE_NOT_FOUND`.
   */
  async source(reference: Reference): Promise<ImageSource> {
    const endpoints = await this.#mirrors?.endpointsOf(reference);
    if (endpoints === undefined) return this.repository(reference.registry, reference.repository);
    const places = endpoints.map((endpoint) => {
      this.#warnIfInsecure(endpoint);
      return { endpoint, repository: this.#repositoryAt(endpoint.host, endpoint.repository) };
    });
    const [only, ...others] = places;
    if (only !== undefined && others.length === 0) return only.repository;
    return new MirroredRepository({ places, lost: this.#lostMirrors, onEvent: this.#onEvent });
  }

  /**
   * Asks a registry for nothing but whether it takes the credentials for it.
   *
   * @returns Whether it wanted any.
   * @throws SealiftError `UNAUTHORIZED` if it does not take them, and as
   * {@link RegistryRepository.resolve}.
   */
  async checkLogin(registry: string, op?: Op): Promise<boolean> {
    const host = registryHost(registry, this.#plainHttp);
    const request = { url: new URL("/v2/", host.origin), wanted: `to be let in by ${registry}`, host, scopes: [] };
    const answer = await this.#transport
      .request({ ...request, method: "GET", statuses: [200], signal: op?.signal })
      .catch((error: unknown) => {
        throw isSealiftError(error, "UNAUTHORIZED") ? loginRefused(error) : error;
      });
    answer.discard();
    return this.#authorizer.wasAsked(host);
  }

  #repositoryAt(host: RegistryHost, repository: string): RegistryRepository {
    return new RegistryRepository(new Remote(this.#transport, this.#hashThread, host, repository));
  }

  #warnIfInsecure({ host: { host, tls } }: Endpoint): void {
    if (tls?.skipVerify !== true || this.#insecure.has(host)) return;
    this.#insecure.add(host);
    const text = `nobody checks who answers as ${host}: the configuration of registries calls it insecure`;
    this.#onEvent({ type: "warning", text });
  }

  /** What each registry said last of the pulls it lets pass; nothing of those that state no limit. */
  get pullQuotas(): readonly PullQuota[] {
    return this.#transport.quotas.all;
  }

  /** Cuts all connections, and so ends what is under way; then its thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
    await this.#hashThread[Symbol.asyncDispose]();
  }
}

function lookupOf(credentials: CredentialLookup | CredentialSources): CredentialLookup {
  return typeof credentials === "function" ? credentials : findCredentials(credentials);
}

function loginRefused({ message, cause }: SealiftError): SealiftError {
  return new SealiftError("UNAUTHORIZED", message, {
    hint: "check the name and the password; where a second factor is on, an access token stands for the password",
    cause,
  });
}
