import type { Options } from "yargs";
import type { RegistryClientOptions } from "../index.js";
import type { Session } from "./session.js";

/** How TLS is spoken with registries. */
export const TLS_OPTIONS = {
  "ca-file": {
    type: "string",
    array: true,
    requiresArg: true,
    describe: "PEM file with authorities to trust besides the system's; may be repeated",
  },
  "plain-http": {
    type: "boolean",
    describe: "Speak without TLS with the registries that are named; with =false, also with this machine",
  },
  "insecure-skip-tls-verify": {
    type: "boolean",
    describe: "Do not check who answers. Anybody on the way may read passwords and change what passes",
  },
} as const satisfies Record<string, Options>;

/** What the command line says of TLS: see {@link TLS_OPTIONS}. */
export interface TlsArguments {
  readonly "ca-file": readonly string[] | undefined;
  readonly "plain-http": boolean | undefined;
  readonly "insecure-skip-tls-verify": boolean | undefined;
}

/** What {@link TLS_OPTIONS} ask for, and what the machine says besides. */
export function tlsSettings(args: TlsArguments, { host, warnAloud }: Session): RegistryClientOptions {
  const skipVerify = args["insecure-skip-tls-verify"] === true;
  if (skipVerify) {
    warnAloud(
      "nobody checks who answers (--insecure-skip-tls-verify): anybody on the way may read and change what passes",
    );
  }
  const isPlain = args["plain-http"];
  return {
    surroundings: { env: host.env, ...(host.root !== undefined && { root: host.root }) },
    tls: { caFiles: args["ca-file"] ?? [], skipVerify },
    ...(isPlain !== undefined && { plainHttp: (registry: string) => isPlain && !isDockerHub(registry) }),
  };
}

// Short names mean it, and it speaks TLS only.
function isDockerHub(host: string): boolean {
  return host === "registry-1.docker.io";
}
