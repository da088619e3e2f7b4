import type { Socket } from "node:net";
import { Agent, buildConnector, type Dispatcher } from "undici";
import type { RegistryHost } from "./host.js";
import { Proxies } from "./proxy/proxies.js";
import type { ReadBuffers } from "./read-buffers.js";
import type { Places } from "./surroundings.js";
import { type HostTlsOptions, type TlsOptions, TlsSettings } from "./tls/tls-settings.js";

/** How a request gets to where its URL says. */
export interface Route {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  readonly path: string;
  /** What the request says besides its own headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** The host of the proxy that is told the whole URL, and answers in the server's place. */
  readonly proxy: string | undefined;
}

const WITHOUT_TLS: HostTlsOptions = {};

/**
 * Opens connections, with the TLS and through the proxies that hold for each
 * host, and keeps them open.
 *
 * Connections are not shared between registries: one that was opened for a
 * registry trusts that registry's authorities.
 */
export class Connections {
  readonly #buffers: ReadBuffers;
  readonly #tls: TlsSettings;
  readonly #proxies: Proxies;
  readonly #agents = new Map<string, Agent>();
  // A connector remembers the TLS sessions that it had, so there is one for each kind of them.
  readonly #connectors = new WeakMap<HostTlsOptions, buildConnector.connector>();
  readonly #closing = new AbortController();

  constructor(buffers: ReadBuffers, places: Places, tls: TlsOptions) {
    this.#buffers = buffers;
    this.#tls = new TlsSettings(places, tls);
    this.#proxies = new Proxies(places.env);
  }

  /**
   * The way of a request to `url`, on behalf of a registry.
   *
   * @throws SealiftError `CONFIG_INVALID` if the environment names no proxy where it should.
   */
  route(url: URL, registry: RegistryHost): Route {
    const path = `${url.pathname}${url.search}`;
    const proxy = this.#proxies.for(url);
    if (proxy === undefined || url.protocol === "https:") {
      return { dispatcher: this.#agentFor(registry), origin: url.origin, path, headers: {}, proxy: undefined };
    }
    return {
      dispatcher: this.#agentFor(undefined),
      origin: proxy.url.origin,
      // RFC 9112 section 3.2.2; most proxies connect nobody to a port for plain HTTP.
      path: `${url.origin}${path}`,
      headers: { host: url.host, ...proxy.headers },
      proxy: proxy.url.host,
    };
  }

  /** Cuts all connections. */
  async destroy(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  /** @param registry - Undefined for connections with a proxy that is told whole URLs. */
  #agentFor(registry: RegistryHost | undefined): Agent {
    const key = JSON.stringify([registry?.origin, registry?.tls]);
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = new Agent({
      connect: (options, callback) => {
        this.#connect(options, registry).then(
          (socket) => callback(null, socket),
          (error: unknown) => callback(error as Error, null),
        );
      },
    });
    this.#agents.set(key, agent);
    return agent;
  }

  async #connect(options: buildConnector.Options, registry: RegistryHost | undefined): Promise<Socket> {
    if (options.protocol !== "https:") return await connectWith(this.#connectorFor(WITHOUT_TLS), options);
    const url = new URL(`https://${options.host ?? options.hostname}`);
    const proxy = registry && this.#proxies.for(url);
    const connector = this.#connectorFor(await this.#tls.optionsFor(url, registry));
    if (proxy === undefined) return await connectWith(connector, { ...options, servername: "" });
    const { openTunnel } = await import("./proxy/tunnel.js");
    const proxyTls = proxy.url.protocol === "https:" ? await this.#tls.optionsFor(proxy.url) : WITHOUT_TLS;
    const target = `${url.hostname}:${url.port || 443}`;
    const httpSocket = await openTunnel(proxy, target, proxyTls, this.#closing.signal);
    return await connectWith(connector, { ...options, servername: "", httpSocket });
  }

  #connectorFor(tls: HostTlsOptions): buildConnector.connector {
    const connector = this.#connectors.get(tls) ?? buildConnector({ ...this.#buffers.connectOptions, ...tls });
    this.#connectors.set(tls, connector);
    return connector;
  }
}

async function connectWith(connector: buildConnector.connector, options: buildConnector.Options): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    connector(options, (error, socket) => {
      if (error === null) resolve(socket);
      else reject(error);
    });
  });
}
