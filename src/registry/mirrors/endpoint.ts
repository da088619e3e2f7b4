import { type HostTls, isLoopback, type RegistryHost, registryHost } from "../host.js";

/** A place that may have what a reference names. */
export interface Endpoint {
  readonly host: RegistryHost;
  /** The path of the repository there. */
  readonly repository: string;
  /** Whether it is asked what the reference names now. */
  readonly resolves: boolean;
  /** Whether it is asked for manifests and blobs by their digests. */
  readonly pulls: boolean;
  /** Whether it is the one before by another way, and so asked only if that could not be reached. */
  readonly isDetour: boolean;
}

/** What a configuration says of a place. */
export interface EndpointOptions {
  readonly resolves?: boolean;
  readonly pulls?: boolean;
  /** Whether nobody checks who answers, and plain HTTP will do. */
  readonly isInsecure?: boolean;
  /** With which hosts plain HTTP is spoken; by default with this machine. */
  readonly plainHttp?: (host: string) => boolean;
}

/**
 * The places where a registry may be: one, and a second one without TLS if it is
 * insecure, as for docker and podman.
 */
export function endpointsAt(registry: string, repository: string, options: EndpointOptions = {}): Endpoint[] {
  const { resolves = true, pulls = true, isInsecure = false, plainHttp = isLoopback } = options;
  const at = (host: RegistryHost, isDetour: boolean) => ({ host, repository, resolves, pulls, isDetour });
  const host = registryHost(registry, plainHttp);
  if (!isInsecure || host.origin.startsWith("http:")) return [at(host, false)];
  return [
    at(withTls(host, { skipVerify: true }), false),
    at(
      registryHost(registry, () => true),
      true,
    ),
  ];
}

/** The same place, with TLS spoken in another way. */
export function withTls(host: RegistryHost, tls: HostTls): RegistryHost {
  return { ...host, tls };
}
