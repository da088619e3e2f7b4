import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { quote, SealiftError } from "../../errors/index.js";
import { errnoOf, mediumError } from "../../io/index.js";
import type { Places } from "../surroundings.js";
import type { ClientPair } from "./pem.js";

/** What a folder says of the TLS of one host. */
export interface HostCertificates {
  /** The paths of files with authorities. */
  readonly authorities: readonly string[];
  readonly client: ClientPair | undefined;
}

const NOTHING: HostCertificates = { authorities: [], client: undefined };

/**
 * What `certs.d/HOST[:PORT]` says of a host, in the first place that has such a
 * folder: `*.crt` are authorities, `NAME.cert` and `NAME.key` a client's pair
 * (containers-certs.d(5), https://docs.docker.com/engine/security/certificates/).
 *
 * @throws SealiftError `CONFIG_INVALID` if a folder cannot be read, or has half a pair.
 */
export async function readCertsFolders(url: URL, places: Places): Promise<HostCertificates> {
  for (const folder of foldersOf(url, places)) {
    const names = await namesIn(folder);
    if (names !== undefined) return certificatesIn(folder, names);
  }
  return NOTHING;
}

function foldersOf({ hostname, host, port }: URL, places: Places): string[] {
  // A host that a redirect names may be one that no certificate is for, and no folder's name.
  if (/^\.+$/.test(hostname)) return [];
  const hosts = port === "" ? [host, `${host}:443`] : [host];
  return [
    places.home(".config/containers/certs.d"),
    places.config("docker/certs.d"),
    places.system("etc/containers/certs.d"),
    places.system("etc/docker/certs.d"),
  ].flatMap((folder) => hosts.map((name) => join(folder, name)));
}

async function namesIn(folder: string): Promise<string[] | undefined> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    if (errnoOf(error) !== "ENOTDIR") throw mediumError(error, "read the certificates in", folder);
    throw new SealiftError("CONFIG_INVALID", `expected ${quote(folder)} to be a folder of certificates, got a file`, {
      hint: "put the file into a folder of that name, as ca.crt",
      cause: error,
    });
  }
}

function certificatesIn(folder: string, names: readonly string[]): HostCertificates {
  const withEnding = (ending: string) => names.filter((name) => name.endsWith(ending));
  const pairs = withEnding(".cert").map((name) => ({ certificate: name, key: name.replace(/cert$/, "key") }));
  for (const { certificate, key } of pairs) if (!names.includes(key)) throw halfAPair(folder, certificate, key);
  for (const key of withEnding(".key")) {
    const certificate = key.replace(/key$/, "cert");
    if (!names.includes(certificate)) throw halfAPair(folder, key, certificate);
  }
  const [pair] = pairs;
  return {
    authorities: withEnding(".crt").map((name) => join(folder, name)),
    client: pair && { certificate: join(folder, pair.certificate), key: join(folder, pair.key) },
  };
}

function halfAPair(folder: string, found: string, missing: string): SealiftError {
  return new SealiftError(
    "CONFIG_INVALID",
    `expected ${quote(missing)} beside ${quote(found)} in ${quote(folder)}, got none`,
    { hint: "a client's certificate is NAME.cert and its key NAME.key; an authority's certificate is NAME.crt" },
  );
}
