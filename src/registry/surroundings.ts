import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** The machine around Sealift, as far as it decides how registries are reached. */
export interface Surroundings {
  /** By default `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
  /** The folder that has the system's `etc`; by default `/`. */
  readonly root?: string;
}

/** Where users and systems keep what they say of registries. */
export class Places {
  readonly env: NodeJS.ProcessEnv;
  readonly #root: string;

  constructor({ env = process.env, root = "/" }: Surroundings = {}) {
    this.env = env;
    this.#root = root;
  }

  /** A path of the system: `etc/docker`. */
  system(path: string): string {
    return join(this.#root, path);
  }

  /** A path in the user's home, whatever XDG_CONFIG_HOME says: Podman's and skopeo's configuration. */
  home(path: string): string {
    return join(this.env["HOME"] || homedir(), path);
  }

  /** A path in the user's folder for configuration: rootless Docker's, and Podman's for credentials. */
  config(path: string): string {
    const { XDG_CONFIG_HOME: folder = "" } = this.env;
    return isAbsolute(folder) ? join(folder, path) : this.home(join(".config", path));
  }
}
