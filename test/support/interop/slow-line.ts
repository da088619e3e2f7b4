import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";

/** A line to a server that takes its time: each connection carries so many bytes a second, in each direction. */
export class SlowLine implements AsyncDisposable {
  /** Host and port, in the place of the server's own. */
  readonly host: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param host - The server's host and port. */
  static async to(host: string, bytesPerSecond: number): Promise<SlowLine> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const line = new SlowLine(server);
    const { hostname, port } = new URL(`http://${host}`);
    server.on("connection", (near) => {
      const far = connect(Number(port), hostname);
      line.#join(near, far, bytesPerSecond);
      line.#join(far, near, bytesPerSecond);
    });
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(from: Socket, to: Socket, bytesPerSecond: number): void {
    this.#sockets.add(from);
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    // Whoever is killed resets his connections.
    from.on("error", () => undefined);
    void carry(from, to, bytesPerSecond).catch(() => undefined);
  }
}

async function carry(from: Socket, to: Socket, bytesPerSecond: number): Promise<void> {
  for await (const chunk of from as AsyncIterable<Buffer>) {
    to.write(chunk);
    await setTimeout((chunk.length * 1000) / bytesPerSecond);
  }
  to.end();
}
