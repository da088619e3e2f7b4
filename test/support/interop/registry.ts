import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Daemon } from "./daemon.js";
import type { Login } from "./login.js";
import { bytesOf } from "./process.js";

interface Manifest {
  readonly config?: { readonly digest: string };
  readonly manifests?: readonly { readonly digest: string; readonly platform: { readonly architecture: string } }[];
}

/** In which way a registry is not the bare one. */
export interface RegistryVariant {
  /** Debian's docker-registry by default; distribution 3 calls itself `registry`. */
  readonly command?: "docker-registry" | "registry";
  /** What its configuration has besides (https://distribution.github.io/distribution/about/configuration/). */
  readonly config?: { readonly auth?: object; readonly proxy?: object };
  /** As whom skopeo looks into it. */
  readonly login?: Login;
}

/** Debian's docker-registry (distribution 2.8), or distribution 3, on a loopback port of its own. */
export class Registry implements AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly daemon: Daemon;
  static #started = 0;
  readonly #login: Login | undefined;

  private constructor(host: string, daemon: Daemon, login: Login | undefined) {
    this.host = host;
    this.daemon = daemon;
    this.#login = login;
  }

  /** Keeps its configuration, log and blobs in `folder`. A registry started there later has the same blobs. */
  static async start(folder: string, variant: RegistryVariant = {}): Promise<Registry> {
    await mkdir(folder, { recursive: true });
    const config = join(folder, "config.yml");
    const settings = {
      version: "0.1",
      log: { level: "info", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, "storage") } },
      http: { addr: "127.0.0.1:0" },
      ...variant.config,
    };
    // YAML is a superset of JSON.
    await writeFile(config, JSON.stringify(settings));
    // One that was started there before has said in its log where it listens.
    Registry.#started += 1;
    const log = join(folder, `${process.pid}-${Registry.#started}.log`);
    const command = variant.command ?? "docker-registry";
    const { daemon, answer } = await Daemon.start(command, ["serve", config], log, listeningHost);
    return new Registry(answer, daemon, variant.login);
  }

  /** The bytes of a manifest or index, as skopeo gets them. */
  rawManifest(name: string): Promise<Buffer> {
    return rawManifest(`${this.host}/${name}`, this.#login);
  }

  /** The digest of an image's config, which runtimes call the image's ID; of an index, that of its linux/amd64 image. */
  async configDigest(name: string): Promise<string> {
    const { config } = await this.#manifest(name);
    return config?.digest ?? this.configDigest(`${repositoryOf(name)}@${await this.childDigest(name, "amd64")}`);
  }

  /** The digest of the image that an index has for `architecture`. */
  async childDigest(name: string, architecture: string): Promise<string> {
    const { manifests = [] } = await this.#manifest(name);
    const child = manifests.find(({ platform }) => platform.architecture === architecture);
    if (child === undefined) {
      throw new Error(`expected ${name} to have an image for ${architecture}`);
    }
    return child.digest;
  }

  /** All tags, as `repository:tag`, sorted. */
  async tags(): Promise<readonly string[]> {
    const { repositories } = (await this.#get("_catalog")) as { repositories: string[] };
    const names = await Promise.all(
      repositories.map(async (repository) => {
        // A repository that has blobs and no tag has no tag list either.
        const list = (await this.#get(`${repository}/tags/list`)) as { tags?: string[] | null };
        return (list.tags ?? []).map((tag) => `${repository}:${tag}`);
      }),
    );
    return names.flat().sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
  }

  async #manifest(name: string): Promise<Manifest> {
    return JSON.parse((await this.rawManifest(name)).toString()) as Manifest;
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`http://${this.host}/v2/${path}`);
    return response.json();
  }
}

/** The bytes of the manifest or index that a full name has, as skopeo gets them. */
export function rawManifest(name: string, login?: Login): Promise<Buffer> {
  const as = login === undefined ? [] : ["--creds", `${login.username}:${login.password}`];
  return bytesOf("skopeo", ["inspect", "--raw", "--tls-verify=false", ...as, `docker://${name}`]);
}

function repositoryOf(name: string): string {
  return name.replace(/:[^:/]*$/, "");
}

// Port 0 is a free one, and the log says which.
async function listeningHost(log: string): Promise<string | undefined> {
  return /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1];
}
