import { isSealiftError, SealiftError } from "../errors/index.js";
import type { Op, RepositoryLister } from "../ports/index.js";
import { type ListServer, listNames } from "./name-list.js";

/** What listing repositories takes (https://distribution.github.io/distribution/spec/auth/scope/). */
export const CATALOG_SCOPE = "registry:catalog:*";

/**
 * The catalog of a registry (https://distribution.github.io/distribution/spec/api/#catalog).
 * It is no part of the OCI specification: some registries have none, and others
 * show it to administrators only.
 */
export class Catalog implements RepositoryLister {
  readonly #server: ListServer;

  constructor(server: ListServer) {
    this.#server = server;
  }

  async *repositories(op?: Op): AsyncGenerator<string> {
    const { registry, origin, apiPath = "/v2" } = this.#server.host;
    const wanted = `the list of repositories of ${registry}`;
    const list = { url: new URL(`${apiPath}/_catalog`, origin), member: "repositories", wanted } as const;
    try {
      yield* listNames(this.#server, list, op);
    } catch (error) {
      if (!isSealiftError(error, "NOT_FOUND", "UNAUTHORIZED", "DENIED", "REGISTRY_PROTOCOL")) throw error;
      throw noCatalog(error, registry);
    }
  }
}

function noCatalog({ code, message, hint, cause }: SealiftError, registry: string): SealiftError {
  const name = `name its repositories: ${registry}/REPOSITORY`;
  const login = code === "UNAUTHORIZED" && hint !== undefined ? `${hint}; or ` : "many registries give none: ";
  return new SealiftError(code, message, { hint: `${login}${name}`, cause });
}
