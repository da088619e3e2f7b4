import * as z from "zod";
import { parseJson, type Reference } from "../../oci/index.js";
import { DOCKER_HUB, registryAt } from "../host.js";
import { parseNetwork } from "../proxy/no-proxy.js";
import type { Places } from "../surroundings.js";
import { configInvalid, readConfigFile, shown } from "./config-file.js";
import { type Endpoint, endpointsAt, withTls } from "./endpoint.js";

// https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
const fileSchema = z.object({
  "registry-mirrors": z.array(z.string()).default([]),
  "insecure-registries": z.array(z.string()).default([]),
});

/** What Docker's daemon is told of registries. */
export class DaemonJson {
  readonly #mirrors: readonly URL[];
  readonly #insecure: readonly string[];

  private constructor(mirrors: readonly URL[], insecure: readonly string[]) {
    this.#mirrors = mirrors;
    this.#insecure = insecure;
  }

  /**
   * Reads the user's file, for a daemon without root, else the system's.
   *
   * @throws SealiftError `CONFIG_INVALID`.
   */
  static async read(places: Places): Promise<DaemonJson> {
    for (const path of [places.config("docker/daemon.json"), places.system("etc/docker/daemon.json")]) {
      const bytes = await readConfigFile(path);
      if (bytes === undefined) continue;
      const { "registry-mirrors": mirrors, "insecure-registries": insecure } = parseFile(bytes, path);
      return new DaemonJson(
        mirrors.map((mirror) => parseMirror(mirror, path)),
        insecure,
      );
    }
    return new DaemonJson([], []);
  }

  /**
   * Where to look for what a reference names: for Docker Hub, mirrors first;
   * undefined if nothing is said of it.
   *
   * @param plainHttp - With which hosts plain HTTP is spoken where the registry itself is meant.
   */
  endpointsOf({ registry, repository }: Reference, plainHttp: (host: string) => boolean): Endpoint[] | undefined {
    const isInsecure = this.#isInsecure(registry);
    const mirrors = registry === DOCKER_HUB ? this.#mirrors : [];
    if (mirrors.length === 0 && !isInsecure) return undefined;
    return [
      ...mirrors.map((url) => this.#mirrorAt(url, repository)),
      ...endpointsAt(registry, repository, { isInsecure, plainHttp }),
    ];
  }

  #mirrorAt(url: URL, repository: string): Endpoint {
    const host = registryAt(url);
    const skipVerify = url.protocol === "https:" && this.#isInsecure(url.host);
    return {
      host: skipVerify ? withTls(host, { skipVerify }) : host,
      repository,
      resolves: true,
      pulls: true,
      isDetour: false,
    };
  }

  /** Hosts are named as they stand in references; networks hold addresses only, since no name is looked up here. */
  #isInsecure(registry: string): boolean {
    const host = registry.replace(/:[0-9]+$/, "");
    return this.#insecure.some((entry) => entry === registry || parseNetwork(entry)?.(host) === true);
  }
}

function parseFile(bytes: Uint8Array, path: string): z.infer<typeof fileSchema> {
  try {
    return parseJson(bytes, fileSchema, "daemon.json", "CONFIG_INVALID");
  } catch {
    // The parser's error shows where it stopped, which may be a proxy's password.
    throw configInvalid(path, "expected Docker's configuration in JSON, got something else");
  }
}

function parseMirror(text: string, path: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBare = url?.pathname === "/" && url.search === "" && url.hash === "" && url.username + url.password === "";
  if (url !== undefined && /^https?:$/.test(url.protocol) && isBare) return url;
  throw configInvalid(path, `expected registry-mirrors like https://mirror.internal:5000, got ${shown(text)}`);
}
