import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { callOf, type Handler } from "./call.js";
import { registryHandler } from "./handler.js";
import { type Quirks, withQuirks } from "./quirks.js";
import { refusal, send } from "./reply.js";
import { MemoryStorage } from "./storage.js";
import { Uploads } from "./uploads.js";

/** What {@link startRegistry} accepts. */
export interface RegistryServerOptions {
  /** How the registry misbehaves; by default it does not. */
  readonly quirks?: Quirks;
  /** The address to listen at; by default 127.0.0.1. */
  readonly host?: string;
  /** The port to listen at; by default one that is free. */
  readonly port?: number;
}

/** A request the server got, and the status it was answered with. */
export interface RecordedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Undefined while there is no answer, and if the client went away before one. */
  readonly status: number | undefined;
}

/** An OCI registry over HTTP that holds its content in memory. */
export class RegistryServer implements AsyncDisposable {
  /** Host and port, as they stand in a reference: `127.0.0.1:5000`. */
  readonly host: string;
  readonly storage: MemoryStorage;
  /** All requests so far, in the order they came. */
  readonly requests: RecordedRequest[] = [];
  readonly #server: ReturnType<typeof createServer>;
  readonly #uploads: Uploads;
  readonly #plain: Handler;
  #handler: Handler;

  /** @param server - One that listens. */
  constructor(server: ReturnType<typeof createServer>, quirks: Quirks) {
    const { address, port } = server.address() as AddressInfo;
    this.host = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    this.storage = new MemoryStorage();
    this.#server = server;
    this.#uploads = new Uploads(this.storage);
    this.#plain = registryHandler(this.storage, this.#uploads);
    this.#handler = withQuirks(this.#plain, quirks);
    server.on("request", (request, response) => void this.#answer(request, response));
  }

  /** The number of uploads that were begun, and neither finished nor cancelled. */
  get openUploads(): number {
    return this.#uploads.open;
  }

  /** All requests so far as `METHOD path status`; the status is `-` while there is no answer. */
  requestLines(): string[] {
    return this.requests.map(({ method, path, status }) => `${method} ${path} ${status ?? "-"}`);
  }

  /** Forgets the recorded requests and takes other quirks from now on: for a test's second act. */
  restage(quirks: Quirks = {}): void {
    this.requests.length = 0;
    this.#handler = withQuirks(this.#plain, quirks);
  }

  /** Cuts all connections, as a line does that is lost. */
  cutConnections(): void {
    this.#server.closeAllConnections();
  }

  /** Stops listening and cuts all connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cutConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url: path = "/", headers } = request;
    const record: { -readonly [K in keyof RecordedRequest]: RecordedRequest[K] } = {
      method,
      path,
      headers,
      status: undefined,
    };
    this.requests.push(record);
    try {
      const reply = await this.#handler(callOf(request, headers.host ?? this.host));
      record.status = reply.status;
      send(response, reply, method);
    } catch (error) {
      // The client went away in the middle of its request, or this server has a defect.
      if (request.errored) return;
      record.status = 500;
      send(response, refusal(500, "UNAVAILABLE", String(error)), method);
    }
  }
}

/** Starts a registry; the caller closes it. */
export async function startRegistry(options: RegistryServerOptions = {}): Promise<RegistryServer> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host ?? "127.0.0.1", port: options.port ?? 0 }, resolve);
  });
  return new RegistryServer(server, options.quirks ?? {});
}
