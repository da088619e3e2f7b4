import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Daemon } from "./daemon.js";
import { type RunOptions, run, textOf } from "./process.js";

/** A Docker daemon of its own: no network, nothing shared with one that may run on this machine. */
export class Dockerd implements AsyncDisposable {
  readonly daemon: Daemon;
  readonly #address: string;

  private constructor(address: string, daemon: Daemon) {
    this.#address = address;
    this.daemon = daemon;
  }

  static async start(folder: string): Promise<Dockerd> {
    await mkdir(folder, { recursive: true });
    // A configuration that this machine may have is none of the test's business.
    await writeFile(join(folder, "daemon.json"), "{}");
    const address = `unix://${join(folder, "docker.sock")}`;
    const { daemon } = await Daemon.start("dockerd", flags(folder, address), join(folder, "log"), async () => {
      const { code } = await run("docker", ["--host", address, "version"]);
      return code === 0 ? true : undefined;
    });
    return new Dockerd(address, daemon);
  }

  docker(args: readonly string[], options?: RunOptions): Promise<string> {
    return textOf("docker", ["--host", this.#address, ...args], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
  }
}

function flags(folder: string, address: string): readonly string[] {
  return [
    ["--data-root", join(folder, "data")],
    ["--exec-root", join(folder, "exec")],
    ["--host", address],
    ["--pidfile", join(folder, "pid")],
    ["--config-file", join(folder, "daemon.json")],
    ["--iptables=false", "--bridge=none", "--storage-driver=vfs"],
  ].flat();
}
