import { mkdir, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import type { KeyPair } from "./certificates.js";
import { Daemon } from "./daemon.js";

/** What an nginx serves. */
export interface Site {
  readonly port: number;
  /** For each path, the host and port behind it: `{ "/": "127.0.0.1:5000" }`. */
  readonly upstreams: Readonly<Record<string, string>>;
  /** How fast it answers; without it, as fast as it can. */
  readonly bytesPerSecond?: number;
  /** Without it, plain HTTP. */
  readonly tls?: {
    readonly server: KeyPair;
    /** The certificate of the authority whose clients alone are let in; without it, all are. */
    readonly clientAuthority?: string;
  };
}

/** An nginx in front of a registry, as companies have it, on a loopback port. */
export class Nginx implements AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly daemon: Daemon;

  private constructor(host: string, daemon: Daemon) {
    this.host = host;
    this.daemon = daemon;
  }

  /** Keeps its configuration and log in `folder`. */
  static async start(folder: string, site: Site): Promise<Nginx> {
    await mkdir(folder, { recursive: true });
    const config = join(folder, "nginx.conf");
    await writeFile(config, configOf(folder, site));
    const args = ["-c", config, "-p", folder];
    const { daemon } = await Daemon.start("nginx", args, join(folder, "log"), () => accepts(site.port));
    return new Nginx(`127.0.0.1:${site.port}`, daemon);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
  }
}

function configOf(folder: string, { port, upstreams, bytesPerSecond = 0, tls }: Site): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const locations = Object.entries(upstreams).map(([path, upstream]) => locationOf(path, upstream));
  return `
    daemon off;
    user root;
    worker_processes 1;
    pid ${join(folder, "pid")};
    error_log stderr warn;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join("\n      ")}
      # As https://distribution.github.io/distribution/recipes/nginx/ says: layers are large.
      client_max_body_size 0;
      proxy_request_buffering off;
      limit_rate ${bytesPerSecond};
      server {
        listen 127.0.0.1:${port}${tls === undefined ? "" : " ssl"};
        ${tls === undefined ? "" : tlsOf(tls)}
        ${locations.join("\n        ")}
      }
    }
  `;
}

function tlsOf({ server, clientAuthority }: NonNullable<Site["tls"]>): string {
  const own = `ssl_certificate ${server.certificate}; ssl_certificate_key ${server.key};`;
  if (clientAuthority === undefined) return own;
  return `${own} ssl_client_certificate ${clientAuthority}; ssl_verify_client on;`;
}

function locationOf(path: string, upstream: string): string {
  const headers = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;";
  return `location ${path} { proxy_pass http://${upstream}; proxy_http_version 1.1; ${headers} }`;
}

/** Whether somebody listens at a loopback port. */
async function accepts(port: number): Promise<true | undefined> {
  return await new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(undefined));
    socket.once("close", () => resolve(undefined));
    socket.once("connect", () => socket.end());
  });
}
