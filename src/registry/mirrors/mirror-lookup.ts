import type { Reference } from "../../oci/index.js";
import type { Places } from "../surroundings.js";
import { DaemonJson } from "./daemon-json.js";
import { type Endpoint, endpointsAt } from "./endpoint.js";
import { hostsTomlEndpoints } from "./hosts-toml.js";
import { RegistriesConf } from "./registries-conf.js";

/**
 * Finds where to look for what a reference names. The first that says something
 * of it counts, alone: registries.conf (Podman, skopeo), hosts.toml (containerd),
 * daemon.json (Docker). Files are read when the first reference comes.
 */
export class MirrorLookup {
  readonly #places: Places;
  readonly #plainHttp: (host: string) => boolean;
  #registriesConf: Promise<RegistriesConf> | undefined;
  #daemonJson: Promise<DaemonJson> | undefined;

  /** @param plainHttp - With which hosts plain HTTP is spoken that references name themselves. */
  constructor(places: Places, plainHttp: (host: string) => boolean) {
    this.#places = places;
    this.#plainHttp = plainHttp;
  }

  /**
   * The places to ask, in their order; the last one is the registry itself, or
   * what stands for it.
   *
   * @throws SealiftError `DENIED` if the reference is blocked; `CONFIG_INVALID`, `FILE_NOT_FOUND`.
   */
  async endpointsOf(reference: Reference): Promise<readonly Endpoint[]> {
    this.#registriesConf ??= RegistriesConf.read(this.#places);
    const byPodman = (await this.#registriesConf).endpointsOf(reference, this.#plainHttp);
    if (byPodman !== undefined) return byPodman;
    const byContainerd = await hostsTomlEndpoints(reference, this.#places, this.#plainHttp);
    if (byContainerd !== undefined) return byContainerd;
    this.#daemonJson ??= DaemonJson.read(this.#places);
    const byDocker = (await this.#daemonJson).endpointsOf(reference, this.#plainHttp);
    const { registry, repository } = reference;
    return byDocker ?? endpointsAt(registry, repository, { plainHttp: this.#plainHttp });
  }
}
