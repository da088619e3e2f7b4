import type { HashThread } from "../io/index.js";
import type { Op } from "../ports/index.js";
import type { RegistryHost } from "./host.js";
import type { Answer } from "./http.js";
import type { Call, Transport } from "./transport.js";

/** A call to one repository: what {@link Remote} does not know of it. */
export type RepositoryCall = Omit<Call, "host" | "repository" | "scopes" | "signal"> & {
  readonly op?: Op | undefined;
  /** By default, what reading the repository takes. */
  readonly scopes?: readonly string[];
};

/** One repository of one registry. */
export class Remote {
  readonly host: RegistryHost;
  /** Its path within the registry: `library/nginx`. */
  readonly repository: string;
  /** What blobs that come from it are hashed with. */
  readonly hashThread: HashThread;
  readonly #transport: Transport;

  constructor(transport: Transport, hashThread: HashThread, host: RegistryHost, repository: string) {
    this.#transport = transport;
    this.hashThread = hashThread;
    this.host = host;
    this.repository = repository;
  }

  /** As it stands in references: `docker.io/library/nginx`. */
  get name(): string {
    return `${this.host.registry}/${this.repository}`;
  }

  /** What reading takes (https://distribution.github.io/distribution/spec/auth/scope/). */
  get pullScope(): string {
    return `repository:${this.repository}:pull`;
  }

  /** What writing takes; registries want to be asked for both. */
  get pushScope(): string {
    return `repository:${this.repository}:pull,push`;
  }

  /** The URL of something in the repository: `manifests/latest`. */
  url(path: string): URL {
    const { apiPath = "/v2", namespace, origin } = this.host;
    const url = new URL(`${apiPath}/${this.repository}/${path}`, origin);
    if (namespace !== undefined) url.searchParams.set("ns", namespace);
    return url;
  }

  /** Sends a request, again if that may help; errors as {@link Transport.request}. */
  async request(call: RepositoryCall): Promise<Answer> {
    return await this.#transport.request(this.#complete(call));
  }

  /** Sends a request and reads its answer, both again if that may help; errors as {@link Transport.request}, and of `read`. */
  async requestAndRead<T>(call: RepositoryCall, read: (answer: Answer) => Promise<T>): Promise<T> {
    return await this.retry(async () => await read(await this.requestOnce(call)), call.op);
  }

  /** Sends a request; errors as {@link Transport.requestOnce}. */
  async requestOnce(call: RepositoryCall): Promise<Answer> {
    return await this.#transport.requestOnce(this.#complete(call));
  }

  /** Calls `attempt` again if its error says that that may help; `hasProgressed` is as in `RetryOptions`. */
  async retry<T>(attempt: () => Promise<T>, op: Op | undefined, hasProgressed?: () => boolean): Promise<T> {
    const { registry } = this.host;
    return await this.#transport.retry(attempt, {
      registry,
      signal: op?.signal,
      ...(hasProgressed && { hasProgressed }),
    });
  }

  #complete({ op, ...call }: RepositoryCall): Call {
    return { scopes: [this.pullScope], ...call, host: this.host, repository: this.repository, signal: op?.signal };
  }
}
