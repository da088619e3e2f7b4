import { BlockList, isIP } from "node:net";
import { isLoopback } from "../host.js";

/** Whether a host is reached without a proxy. */
export type GoesDirectly = (url: URL) => boolean;

/**
 * Reads NO_PROXY as Go's programs do, docker and podman among them
 * (https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config): `*` is every host,
 * `example.com` the domain and all below it, `.example.com` and `*.example.com`
 * all below it, an address itself, `10.0.0.0/8` all in it; each but the last may
 * have a port. What is none of these names no host. This machine never needs a proxy.
 */
export function parseNoProxy(text: string): GoesDirectly {
  const entries = text
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .map((entry) => parseEntry(entry.toLowerCase()));
  return (url) => {
    const host = bareHost(url.hostname);
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    return isLoopback(url.host) || entries.some((matches) => matches(host, port));
  };
}

type Matches = (host: string, port: string) => boolean;

function parseEntry(entry: string): Matches {
  if (entry === "*") return () => true;
  const network = parseNetwork(entry);
  if (network !== undefined) return (host) => network(host);
  const [, bracketed, plain = "", entryPort] = /^(?:\[([^\]]*)\]|(.*?))(?::([0-9]+))?$/.exec(entry) ?? [];
  // Without brackets, what follows the last colon of an IPv6 address is no port.
  const isAddress = isIP(entry) !== 0;
  const name = isAddress ? entry : (bracketed ?? plain).replace(/^\*\./, ".");
  const wantedPort = isAddress ? undefined : entryPort;
  const isName = isIP(name) !== 0 ? sameAddress(name) : inDomain(name);
  return (host, port) => isName(host) && (wantedPort === undefined || wantedPort === port);
}

function inDomain(name: string): (host: string) => boolean {
  if (name === "" || name === ".") return () => false;
  if (name.startsWith(".")) return (host) => host.endsWith(name);
  return (host) => host === name || host.endsWith(`.${name}`);
}

function sameAddress(address: string): (host: string) => boolean {
  return parseNetwork(`${address}/${isIP(address) === 4 ? 32 : 128}`) ?? (() => false);
}

/** Reads `10.0.0.0/8`: whether a host is an address in it. Names are not looked up. */
export function parseNetwork(text: string): ((host: string) => boolean) | undefined {
  const [address = "", prefix = "", ...more] = text.split("/");
  const family = isIP(address);
  if (more.length > 0 || family === 0 || !/^[0-9]{1,3}$/.test(prefix)) return undefined;
  if (Number(prefix) > (family === 4 ? 32 : 128)) return undefined;
  const network = new BlockList();
  network.addSubnet(address, Number(prefix), family === 4 ? "ipv4" : "ipv6");
  return (host) => {
    const hostFamily = isIP(bareHost(host));
    return hostFamily !== 0 && network.check(bareHost(host), hostFamily === 4 ? "ipv4" : "ipv6");
  };
}

/** A host of a URL without the brackets of an IPv6 address, and without the root's dot. */
function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}
