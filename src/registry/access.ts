import type { RegistryHost } from "./host.js";

/** Who wants to do what where. */
export interface Access {
  readonly host: RegistryHost;
  /** The repository that it is about, if it is about one. */
  readonly repository?: string;
  /** As https://distribution.github.io/distribution/spec/auth/scope/ writes them. */
  readonly scopes: readonly string[];
}
