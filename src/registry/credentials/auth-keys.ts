import { DOCKER_HUB, DOCKER_HUB_HOST } from "../host.js";

// The key under which `docker login` without a host keeps what it was given
// (https://github.com/docker/cli/blob/master/cli/config/configfile/file.go, authConfigKey).
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

// The other names that containers/image takes for Docker Hub
// (https://github.com/containers/image/blob/main/pkg/docker/config/config.go, normalizeRegistry).
const DOCKER_HUB_ALIASES: ReadonlySet<string> = new Set(["index.docker.io", DOCKER_HUB_HOST]);

/** What Docker calls a registry in its configuration, and in what it asks of credential helpers. */
export function dockerKey(registry: string): string {
  return registry === DOCKER_HUB ? DOCKER_HUB_KEY : registry;
}

/**
 * Those of `keys` that stand for a repository, or for its registry; the best
 * comes first: `host/team/app`, `host/team`, `host`, and then what older
 * versions of Docker wrote, `https://host/v1/`. A key without a scheme is never
 * cut, so that the credentials for `host/team` do not go to `host/other`.
 */
export function matchingKeys(keys: readonly string[], registry: string, repository = ""): string[] {
  const named = [...namespacesOf(registry, repository), dockerKey(registry), registry];
  const exact = named.filter((name) => keys.includes(name));
  return [...new Set([...exact, ...keys.filter((key) => registryOf(key) === registry)])];
}

function namespacesOf(registry: string, repository: string): string[] {
  const components = repository.split("/").filter(Boolean);
  return components.map((_, dropped) => [registry, ...components.slice(0, components.length - dropped)].join("/"));
}

/** The registry that a key stands for as a whole; what names a namespace stands for none. */
export function registryOf(key: string): string {
  const withoutScheme = key.replace(/^https?:\/\//, "");
  const host = withoutScheme === key ? key : (withoutScheme.split("/")[0] ?? "");
  return DOCKER_HUB_ALIASES.has(host) ? DOCKER_HUB : host;
}
