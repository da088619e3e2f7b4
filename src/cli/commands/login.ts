import { quote, SealiftError } from "../../errors/index.js";
import type { LogInResult } from "../../index.js";
import { readLogin } from "../registry-login.js";
import {
  AUTHFILE_OPTION,
  CONNECTION_OPTIONS,
  connectionOptions,
  credentialSources,
  LOGIN_OPTIONS,
} from "../registry-options.js";
import { fieldLines } from "../render/fields.js";
import { defineCommand } from "./command.js";

export const login = defineCommand({
  name: "login",
  summary: "Check a name and a password at a registry, and keep them for it",
  usage: "REGISTRY [-u NAME] [--password-stdin] [options]",
  operands: { registry: { type: "string", demandOption: true, describe: "docker.io, ghcr.io, reg.internal:5000" } },
  options: { ...LOGIN_OPTIONS, ...AUTHFILE_OPTION, ...CONNECTION_OPTIONS },
  run: async (args, session) => {
    const { logIn } = await import("../../index.js");
    const to = await parseRegistry(args.registry, "login");
    const registry = connectionOptions(args, session);
    const given = await readLogin(args, to, session);
    const keep = credentialSources(args, session);
    const result = await logIn({ to, login: given, keep, registry, signal: session.signal });
    warnOf(result, to, session.host.env, session.warnAloud);
    const { path, helper, wasChecked } = result;
    return {
      result: { registry: to, username: given.username, path, helper, wasChecked },
      failures: [],
      lines: [
        `Logged in to ${to} as ${given.username}`,
        ...fieldLines([helper === undefined ? ["kept in", path] : ["kept by", `${helper}, as ${path} says`]], 2),
      ],
    };
  },
});

// A host with what it has as a URL. What has an "@" may hold a password, and is never shown.
const ADDRESS = /^(https?:\/\/)?([^/@]+)(\/[^@]*)?$/i;

/**
 * A registry's name as somebody types it.
 *
 * @param command - Who wants it, for the hint.
 * @throws SealiftError `REFERENCE_INVALID`; `USAGE` if it is a URL, or has a path.
 */
export async function parseRegistry(text: string, command: "login" | "logout"): Promise<string> {
  const { parseDestination } = await import("../../index.js");
  const [, scheme = "", host = text, path = "/"] = ADDRESS.exec(text) ?? [];
  const { registry } = parseDestination(host);
  if (scheme === "" && path === "/") return registry;
  const plain = command === "login" && scheme.toLowerCase() === "http://" ? " --plain-http" : "";
  throw new SealiftError("USAGE", `expected a registry as HOST or HOST:PORT, got ${quote(text)}`, {
    hint: `leave the rest out: sealift ${command} ${registry}${plain}`,
  });
}

function warnOf(
  { path, helper, wasChecked }: LogInResult,
  registry: string,
  env: NodeJS.ProcessEnv,
  warnAloud: (text: string) => void,
): void {
  if (!wasChecked) warnAloud(`${registry} wants no credentials, so nobody has checked these`);
  if (helper === undefined) {
    warnAloud(`the password lies in ${path} as base64, which everybody can read who can read the file`);
  }
  if (env["DOCKER_AUTH_CONFIG"]) warnAloud("DOCKER_AUTH_CONFIG is set, and goes before what was kept");
}
