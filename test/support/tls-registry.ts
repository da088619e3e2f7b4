import { createServer, type ServerOptions } from "node:https";
import type { TLSSocket } from "node:tls";
import type { Quirks } from "../../src/registry-server/index.js";
import { RegistryServer } from "../../src/registry-server/server.js";

/** A registry behind TLS, and who came to it. */
export interface TlsRegistry {
  readonly registry: RegistryServer;
  /** Of each connection, the name in the client's certificate; undefined where it showed none. */
  readonly clients: (string | undefined)[];
}

/** Starts a registry on a loopback port that speaks TLS; the caller closes it. */
export async function startTlsRegistry(tls: ServerOptions, quirks: Quirks = {}): Promise<TlsRegistry> {
  const clients: (string | undefined)[] = [];
  const server = createServer(tls);
  server.on("secureConnection", (socket: TLSSocket) => {
    const { subject } = socket.getPeerCertificate() as { readonly subject?: { readonly CN: string } };
    clients.push(subject?.CN);
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  return { registry: new RegistryServer(server, quirks), clients };
}
