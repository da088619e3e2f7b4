import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type ServerOptions } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";

/** What a {@link TestProxy} does. */
export interface TestProxyOptions {
  /** Where everything goes that somebody wants to reach, whatever it is called: `127.0.0.1:5000`. */
  readonly to: string;
  /** The Proxy-Authorization without which nobody gets through. */
  readonly wants?: string;
  /** The status that everybody gets, and no connection. */
  readonly refusesWith?: number;
  /** Whether it says nothing, and gives nobody a connection. */
  readonly isSilent?: boolean;
  /** Whether it sends bytes without end after a refusal. */
  readonly goesOn?: boolean;
  /** With it, the proxy itself speaks TLS. */
  readonly tls?: ServerOptions;
}

/** An HTTP proxy on loopback that leads everybody to one server. */
export class TestProxy implements AsyncDisposable {
  /** Host and port. */
  readonly host: string;
  /** What it was asked for: `CONNECT reg.test:443`, `GET http://reg.test/v2/`. */
  readonly asked: string[] = [];
  /** All headers that it ever got, as text. */
  headers = "";
  readonly #server: Server;
  readonly #options: TestProxyOptions;
  readonly #sockets = new Set<Socket>();
  #told: (() => void) | undefined;

  private constructor(server: Server, options: TestProxyOptions) {
    this.#server = server;
    this.#options = options;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket: Socket) => this.#keep(socket));
    server.on("connect", (incoming: IncomingMessage, socket: Socket) => this.#connect(incoming, socket));
    server.on("request", (incoming, response) => this.#forward(incoming, response));
  }

  static async start(options: TestProxyOptions): Promise<TestProxy> {
    const server = options.tls === undefined ? createServer() : createSecureServer(options.tls);
    await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
    return new TestProxy(server, options);
  }

  /** Settles when somebody has asked it for something. */
  async isAsked(): Promise<void> {
    await this.#until(() => this.asked.length > 0);
  }

  /** Settles when everybody has gone. */
  async hasLeft(): Promise<void> {
    await this.#until(() => [...this.#sockets].every(({ destroyed }) => destroyed));
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#told?.());
  }

  /** The status to refuse with; undefined if there is nothing to refuse. */
  #judge({ method = "", url = "", headers }: IncomingMessage): number | undefined {
    this.asked.push(`${method} ${url}`);
    this.headers += JSON.stringify(headers);
    this.#told?.();
    const { wants, refusesWith } = this.#options;
    return refusesWith ?? (wants === undefined || headers["proxy-authorization"] === wants ? undefined : 407);
  }

  #connect(incoming: IncomingMessage, socket: Socket): void {
    this.#keep(socket);
    const status = this.#judge(incoming);
    if (this.#options.isSilent === true) {
      socket.resume().on("end", () => socket.end());
      return;
    }
    if (status !== undefined) {
      socket.write(`HTTP/1.1 ${status} No\r\n\r\n`);
      if (this.#options.goesOn === true) goOn(socket);
      else socket.end();
      return;
    }
    const [hostname = "", port = ""] = this.#options.to.split(":");
    const server = connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(server).pipe(socket);
    });
    this.#keep(server);
    server.on("close", () => socket.destroy());
    socket.on("close", () => server.destroy());
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const status = this.#judge(incoming);
    if (status !== undefined) {
      response.writeHead(status).end();
      return;
    }
    const { method, url = "" } = incoming;
    const { pathname, search } = new URL(url);
    const { "proxy-authorization": _proxy, ...headers } = incoming.headers;
    const [hostname, port] = this.#options.to.split(":");
    const onward = request({ hostname, port, method, path: `${pathname}${search}`, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.pipe(onward);
  }
}

function goOn(socket: Socket): void {
  while (!socket.destroyed && socket.write(Buffer.alloc(64 * 1024))) {
    // The buffer takes more.
  }
  socket.once("drain", () => goOn(socket));
}
