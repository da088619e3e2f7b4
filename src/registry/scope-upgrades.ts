import type { Access } from "./access.js";
import type { Challenge } from "./challenge.js";

// A request needs one or two; a registry that wants ever more is not followed.
const MAX_SCOPES = 8;

// As in a token's own text: nothing that could end a parameter or a header.
const SCOPE = /^[\x21-\x7e]{1,512}$/;

/** Remembers what registries wanted beyond what was asked for. */
export class ScopeUpgrades {
  readonly #scopes = new Map<string, readonly string[]>();

  /** The scopes to ask for. */
  scopesOf(access: Access): readonly string[] {
    return this.#scopes.get(keyOf(access)) ?? access.scopes;
  }

  /**
   * Takes the scope of a challenge that refused a token; whether there was
   * something new in it. New ones come first, since some token services look at
   * the first only (go-containerregistry, pkg/v1/remote/transport/bearer.go).
   */
  add(access: Access, { scheme, parameters }: Challenge): boolean {
    const asked = this.scopesOf(access);
    const stated = scheme === "bearer" ? (parameters.get("scope") ?? "").split(" ") : [];
    const missing = stated.filter((scope) => SCOPE.test(scope) && !asked.includes(scope));
    if (missing.length === 0 || missing.length + asked.length > MAX_SCOPES) return false;
    this.#scopes.set(keyOf(access), [...new Set(missing), ...asked]);
    return true;
  }
}

function keyOf({ host, repository, scopes }: Access): string {
  return JSON.stringify([host.origin, repository, scopes]);
}
