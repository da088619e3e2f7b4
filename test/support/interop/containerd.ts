import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Daemon } from "./daemon.js";
import { run, textOf } from "./process.js";

/** Not needed to import an image, and each of them looks at the machine around it. */
const DISABLED_PLUGINS = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
];

/** A containerd of its own. */
export class Containerd implements AsyncDisposable {
  readonly daemon: Daemon;
  readonly #address: string;

  private constructor(address: string, daemon: Daemon) {
    this.#address = address;
    this.daemon = daemon;
  }

  static async start(folder: string): Promise<Containerd> {
    await mkdir(folder, { recursive: true });
    const address = join(folder, "containerd.sock");
    const config = join(folder, "config.toml");
    await writeFile(config, settings(folder, address));
    const { daemon } = await Daemon.start("containerd", ["--config", config], join(folder, "log"), async () => {
      const { code } = await run("ctr", ["--address", address, "version"]);
      return code === 0 ? true : undefined;
    });
    return new Containerd(address, daemon);
  }

  ctr(args: readonly string[]): Promise<string> {
    return textOf("ctr", ["--address", this.#address, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
  }
}

// A quoted TOML string and a TOML array of them are written as in JSON.
function settings(folder: string, address: string): string {
  return [
    "version = 2",
    `root = ${JSON.stringify(join(folder, "root"))}`,
    `state = ${JSON.stringify(join(folder, "state"))}`,
    `disabled_plugins = ${JSON.stringify(DISABLED_PLUGINS)}`,
    "[grpc]",
    `address = ${JSON.stringify(address)}`,
    "[ttrpc]",
    `address = ${JSON.stringify(`${address}.ttrpc`)}`,
    "",
  ].join("\n");
}
