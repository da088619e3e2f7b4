import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Daemon } from "./daemon.js";
import { freePort } from "./free-port.js";

/** A zot on a loopback port of its own. */
export class Zot implements AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly daemon: Daemon;

  private constructor(host: string, daemon: Daemon) {
    this.host = host;
    this.daemon = daemon;
  }

  /**
   * Keeps its configuration, log and blobs in `folder`.
   *
   * @param compat - The media types it takes besides OCI's: `docker2s2`
   * (https://zotregistry.dev/latest/admin-guide/admin-configuration/).
   */
  static async start(folder: string, compat: readonly string[] = []): Promise<Zot> {
    await mkdir(folder, { recursive: true });
    const port = await freePort();
    const host = `127.0.0.1:${port}`;
    const settings = {
      distSpecVersion: "1.1.0",
      storage: { rootDirectory: join(folder, "storage") },
      http: { address: "127.0.0.1", port: String(port), ...(compat.length === 0 ? {} : { compat }) },
      log: { level: "info" },
    };
    const config = join(folder, "config.json");
    await writeFile(config, JSON.stringify(settings));
    const { daemon } = await Daemon.start("zot", ["serve", config], join(folder, "log"), () => answers(host));
    return new Zot(host, daemon);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
  }
}

async function answers(host: string): Promise<true | undefined> {
  const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
  return response?.ok === true ? true : undefined;
}
