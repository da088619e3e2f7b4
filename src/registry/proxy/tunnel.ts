import { type ClientRequest, request as requestPlainly } from "node:http";
import { request as requestSecurely } from "node:https";
import { isIP, type Socket } from "node:net";
import type { HostTlsOptions } from "../tls/tls-settings.js";
import type { Proxy } from "./proxies.js";
import { ProxyFailure } from "./proxy-failure.js";

// A proxy has to look the name up and to connect before it answers. What squid
// itself gives a connection is a minute (connect_timeout).
const TIMEOUT_MS = 60_000;

/**
 * Has a proxy connect to a host (RFC 9110 section 9.3.6).
 *
 * @param target - Host and port.
 * @param tls - How TLS is spoken with the proxy itself, if its URL says so.
 * @param signal - Ends the attempt.
 * @throws ProxyFailure
 */
export async function openTunnel(
  proxy: Proxy,
  target: string,
  tls: HostTlsOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const { host } = proxy.url;
  const request = connectRequest(proxy, target, tls);
  const abort = () => void request.destroy(new Error("it is not wanted any more"));
  const timer = setTimeout(() => {
    request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
  }, TIMEOUT_MS);
  signal.addEventListener("abort", abort);
  try {
    return await new Promise<Socket>((resolve, reject) => {
      request.once("error", (cause) => reject(new ProxyFailure(host, { cause })));
      request.once("connect", ({ statusCode = 0 }, socket: Socket, head) => {
        if (statusCode >= 200 && statusCode < 300) {
          if (head.length > 0) socket.unshift(head);
          resolve(socket);
          return;
        }
        // It may go on to say why, at any length.
        socket.on("error", () => undefined).destroy();
        reject(new ProxyFailure(host, { status: statusCode }));
      });
      request.end();
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

function connectRequest({ url, headers }: Proxy, target: string, tls: HostTlsOptions): ClientRequest {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isSecure = url.protocol === "https:";
  const options = {
    host,
    port: url.port || (isSecure ? 443 : 80),
    method: "CONNECT",
    path: target,
    headers: { host: target, ...headers },
    // The connection belongs to whoever asked for it, and to nobody after that.
    agent: false,
  } as const;
  if (!isSecure) return requestPlainly(options);
  // Node would ask the proxy for the certificate of the target: its name stands in the Host header.
  return requestSecurely({ ...options, ...tls, servername: isIP(host) === 0 ? host : "" });
}
