import { HashThread } from "../io/index.js";
import { Authorizer } from "./authorizer.js";
import { type CredentialLookup, dockerCredentials } from "./credentials.js";
import { isLoopback, registryHost } from "./host.js";
import { HttpClient, type Timeouts } from "./http.js";
import { Remote } from "./remote.js";
import { RegistryRepository } from "./repository.js";
import { type RetryPolicy, Transport } from "./transport.js";

/** What a {@link RegistryClient} accepts. */
export interface RegistryClientOptions {
  /** Whether plain HTTP is spoken with a host, given with its port if it has one; by default, with loopback hosts only. */
  readonly plainHttp?: (host: string) => boolean;
  /** Where credentials come from when a registry asks for them; by default Docker's config.json. */
  readonly credentials?: CredentialLookup;
  readonly retry?: RetryPolicy;
  readonly timeouts?: Partial<Timeouts>;
}

/** Speaks with registries, over connections and with tokens that all its repositories share. */
export class RegistryClient implements AsyncDisposable {
  readonly #http: HttpClient;
  readonly #transport: Transport;
  readonly #hashThread: HashThread;
  readonly #plainHttp: (host: string) => boolean;

  constructor(options: RegistryClientOptions = {}) {
    this.#http = new HttpClient(options.timeouts);
    const authorizer = new Authorizer(this.#http, options.credentials ?? dockerCredentials());
    this.#transport = new Transport(this.#http, authorizer, options.retry ?? {});
    this.#hashThread = new HashThread((chunk) => this.#http.buffers.giveBack(chunk));
    this.#plainHttp = options.plainHttp ?? isLoopback;
  }

  /** The repository of a reference; nothing is asked of the registry yet. */
  repository(registry: string, repository: string): RegistryRepository {
    const host = registryHost(registry, this.#plainHttp);
    return new RegistryRepository(new Remote(this.#transport, this.#hashThread, host, repository));
  }

  /** Cuts all connections, and so ends what is under way; then its thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
    await this.#hashThread[Symbol.asyncDispose]();
  }
}
