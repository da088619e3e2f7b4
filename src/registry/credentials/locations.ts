import { isAbsolute, join } from "node:path";
import { Places } from "../surroundings.js";

/** Docker's configuration: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
export function dockerConfigPath(env: NodeJS.ProcessEnv): string {
  return join(env["DOCKER_CONFIG"] || new Places({ env }).home(".docker"), "config.json");
}

/**
 * Podman's own files, best first
 * (https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md).
 * As with Podman, there are none where DOCKER_CONFIG is set
 * (https://github.com/containers/common/blob/main/pkg/auth/auth.go, GetDefaultAuthFile).
 */
export function podmanAuthPaths(env: NodeJS.ProcessEnv): string[] {
  if (env["DOCKER_CONFIG"]) return [];
  const { XDG_RUNTIME_DIR: runtime = "" } = env;
  const user = process.getuid?.();
  const perUser = user === undefined ? [] : [join("/run/containers", String(user))];
  return [
    ...(isAbsolute(runtime) ? [join(runtime, "containers")] : perUser),
    new Places({ env }).config("containers"),
  ].map((folder) => join(folder, "auth.json"));
}
