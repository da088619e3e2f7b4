import type { ClientPair } from "./tls/pem.js";

/** How TLS is spoken with one registry, besides what holds for all. */
export interface HostTls {
  /** Whether nobody checks who answers. */
  readonly skipVerify?: boolean;
  /** Paths of PEM files. */
  readonly authorities?: readonly string[];
  readonly client?: ClientPair;
}

/** Where a registry is reached. */
export interface RegistryHost {
  /** As it stands in references: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** Host and, if it is not the default, port of the registry's API. */
  readonly host: string;
  /** Scheme and host: `https://registry-1.docker.io`. */
  readonly origin: string;
  readonly tls?: HostTls;
  /** The path of its API, where a mirror has it elsewhere than at `/v2`. */
  readonly apiPath?: string;
  /** The registry that it stands in for, if it wants to be told with each request. */
  readonly namespace?: string;
}

// Docker Hub's API does not live at the name its images bear
// (https://github.com/distribution/reference, normalize.go; moby registry/config.go).
/** What references call Docker Hub. */
export const DOCKER_HUB = "docker.io";
/** Where its API is. */
export const DOCKER_HUB_HOST = "registry-1.docker.io";

/** Where the registry of a reference is reached; `plainHttp` says with which hosts no TLS is spoken. */
export function registryHost(registry: string, plainHttp: (host: string) => boolean): RegistryHost {
  const host = registry === DOCKER_HUB ? DOCKER_HUB_HOST : registry;
  return { registry, host, origin: new URL(`${plainHttp(host) ? "http" : "https"}://${host}`).origin };
}

/** The registry that is reached at a URL. */
export function registryAt({ host, origin }: URL): RegistryHost {
  return { registry: host === DOCKER_HUB_HOST ? DOCKER_HUB : host, host, origin };
}

/**
 * The registry whose credentials a host may get: the one that lives there, and
 * never the one it stands in for.
 */
export function credentialHost({ host }: RegistryHost): string {
  return host === DOCKER_HUB_HOST ? DOCKER_HUB : host;
}

/**
 * Whether a host, with or without a port, is this machine: what docker and
 * containerd speak plain HTTP with unasked.
 */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, "");
  return name === "localhost" || name === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(name);
}
