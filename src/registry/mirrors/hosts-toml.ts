import { stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import * as z from "zod";
import { errnoOf, mediumError } from "../../io/index.js";
import type { Reference } from "../../oci/index.js";
import { type HostTls, type RegistryHost, registryAt } from "../host.js";
import type { Places } from "../surroundings.js";
import type { ClientPair } from "../tls/pem.js";
import { configInvalid, parseToml, readConfigFile, shown } from "./config-file.js";
import { type Endpoint, endpointsAt } from "./endpoint.js";

// https://github.com/containerd/containerd/blob/main/docs/hosts.md
const pathsSchema = z.union([z.string().transform((path) => [path]), z.array(z.string())]).default([]);

const clientSchema = z.union([
  z.string().transform((path) => [[path, path]]),
  z.array(z.union([z.string().transform((path) => [path, path]), z.array(z.string()).length(2)])),
]);

const hostSchema = z.object({
  capabilities: z.array(z.string()).default([]),
  ca: pathsSchema,
  client: clientSchema.default([]),
  skip_verify: z.boolean().default(false),
  override_path: z.boolean().default(false),
});

const fileSchema = hostSchema.extend({
  server: z.string().default(""),
  host: z.record(z.string(), hostSchema).default({}),
});

type Host = z.infer<typeof hostSchema>;

/**
 * Where containerd looks for what a reference names, mirrors first; undefined if
 * it has no hosts.toml for the registry.
 *
 * @param plainHttp - With which hosts plain HTTP is spoken where the registry itself is meant.
 * @throws SealiftError `CONFIG_INVALID`.
 */
export async function hostsTomlEndpoints(
  reference: Reference,
  places: Places,
  plainHttp: (host: string) => boolean,
): Promise<Endpoint[] | undefined> {
  const folder = await folderOf(reference.registry, places);
  const path = folder && join(folder, "hosts.toml");
  const bytes = path && (await readConfigFile(path));
  if (!bytes) return undefined;
  const { server, host: hosts, ...own } = parseToml(bytes, fileSchema, path);
  const context = { reference, folder, path };
  return [
    ...Object.entries(hosts).map(([address, host]) => endpointAt(address, host, context)),
    ...(server === ""
      ? endpointsAt(reference.registry, reference.repository, { plainHttp })
      : [endpointAt(server, own, context)]),
  ];
}

async function folderOf(registry: string, places: Places): Promise<string | undefined> {
  const names = new Set([registry.replace(/:([0-9]+)$/, "_$1_"), registry, "_default"]);
  for (const root of [places.config("containerd/certs.d"), places.system("etc/containerd/certs.d")]) {
    for (const name of names) if (await isThere(join(root, name))) return join(root, name);
  }
  return undefined;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw mediumError(error, "read", path);
  }
}

interface Context {
  readonly reference: Reference;
  readonly folder: string;
  readonly path: string;
}

function endpointAt(address: string, host: Host, { reference, folder, path }: Context): Endpoint {
  const url = parseAddress(address, path);
  const apiPath = apiPathOf(url, host.override_path);
  const can = (capability: string) =>
    host.capabilities.length === 0 || host.capabilities.some((one) => one.toLowerCase() === capability);
  // What follows /v2 is the beginning of the repository's own name.
  const [, prefix] = /^\/v2(?:\/(.+))?$/.exec(apiPath) ?? [];
  const own = registryAt(url);
  return {
    host: {
      ...own,
      tls: tlsOf(host, folder),
      ...(apiPath !== "/v2" && prefix === undefined && { apiPath }),
      ...(own.registry !== reference.registry && { namespace: reference.registry }),
    } satisfies RegistryHost,
    repository: prefix === undefined ? reference.repository : `${prefix}/${reference.repository}`,
    resolves: can("resolve"),
    pulls: can("pull"),
    isDetour: false,
  };
}

function parseAddress(address: string, path: string): URL {
  const text = address.startsWith("http") ? address : `https://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "") return url;
  throw configInvalid(path, `expected hosts like https://mirror.internal:5000, got ${shown(address)}`);
}

function apiPathOf({ pathname }: URL, isOverridden: boolean): string {
  const path = pathname.replace(/\/+$/, "");
  return isOverridden || path.endsWith("/v2") ? path : `${path}/v2`;
}

function tlsOf({ ca, client, skip_verify: skipVerify }: Host, folder: string): HostTls {
  const absolute = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  const [[certificate, key] = []] = client;
  const pair: ClientPair | undefined =
    certificate === undefined || key === undefined
      ? undefined
      : { certificate: absolute(certificate), key: absolute(key) };
  return { skipVerify, authorities: ca.map(absolute), ...(pair && { client: pair }) };
}
