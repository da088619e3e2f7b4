import { BlockList, isIP } from "node:net";
import { quote, SealiftError } from "../errors/index.js";
import type { Challenge } from "./challenge.js";
import { isLoopback, type RegistryHost } from "./host.js";

// Addresses that mean another machine on each network, or this one, and those of
// IPv6 that stand for one of IPv4: RFC 6890, RFC 4193, RFC 6052, RFC 3056. Clouds
// give keys to whoever asks at 169.254.169.254, 192.0.0.192 and fd00:ec2::254.
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const) {
  PRIVATE.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 96],
  ["64:ff9b::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 9],
  ["ff00::", 8],
] as const) {
  PRIVATE.addSubnet(network, prefix, "ipv6");
}

/**
 * The token endpoint that a challenge names. Credentials are sent there, on the
 * registry's word: so TLS is demanded, unless it is a part of the registry or
 * both are on this machine. And it must not lie at a private address, where the
 * registry could have us ask what it cannot reach itself, unless it is the
 * registry's own host or was allowed by name.
 *
 * @param privateRealms - The hosts that were allowed, with their ports as they stand in realms.
 * @throws SealiftError `REGISTRY_PROTOCOL`.
 */
export function tokenEndpoint(
  { parameters }: Challenge,
  registry: RegistryHost,
  privateRealms: readonly string[],
): URL {
  const realm = parameters.get("realm") ?? "";
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url !== undefined && url.origin === registry.origin) return url;
  const isHere = url?.protocol === "http:" && isLoopback(url.host);
  if (url === undefined || (url.protocol !== "https:" && !isHere)) {
    throw refusal(
      `${registry.registry} to name an https URL as its token realm, got ${quote(realm)}`,
      "credentials are not sent to a place that anybody can pretend to be: have the registry's token service use TLS",
    );
  }
  if (isPrivate(url) && !isNear(url, registry) && !privateRealms.includes(url.host)) {
    throw refusal(
      `${registry.registry} to name a token realm of its own or a public one, got ${quote(realm)}, a private address`,
      `if ${url.host} really is the token service of ${registry.registry}, add --allow-private-realm ${url.host}`,
    );
  }
  return url;
}

function isPrivate({ hostname }: URL): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const family = isIP(address);
  if (family !== 0) return PRIVATE.check(address, family === 4 ? "ipv4" : "ipv6");
  // RFC 6761 section 6.3, with or without the root's dot.
  return /(?:^|\.)localhost\.?$/.test(hostname);
}

/** Whether a realm is at the registry's own host, at whatever port; this machine is one host. */
function isNear({ hostname }: URL, { origin }: RegistryHost): boolean {
  const own = new URL(origin).hostname;
  return hostname === own || (isLoopback(hostname) && isLoopback(own));
}

function refusal(expected: string, hint: string): SealiftError {
  return new SealiftError("REGISTRY_PROTOCOL", `expected ${expected}`, { hint });
}
