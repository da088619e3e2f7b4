import { parseReference } from "../../../src/oci/index.js";
import { isLoopback } from "../../../src/registry/host.js";
import type { Endpoint } from "../../../src/registry/mirrors/endpoint.js";
import { MirrorLookup } from "../../../src/registry/mirrors/mirror-lookup.js";
import { Places } from "../../../src/registry/surroundings.js";
import { TestMachine } from "../../support/surroundings.js";

/** Where a machine with these files looks for a reference. */
export async function endpointsOn(
  files: Readonly<Record<string, string>>,
  reference: string,
  options: { env?: Record<string, string>; plainHttp?: (host: string) => boolean } = {},
): Promise<readonly Endpoint[]> {
  await using machine = await TestMachine.create(files);
  for (const [name, value] of Object.entries(options.env ?? {}))
    machine.env[name] = value.replace("ROOT", machine.path(""));
  const lookup = new MirrorLookup(new Places(machine.surroundings), options.plainHttp ?? isLoopback);
  return await lookup.endpointsOf(parseReference(reference));
}

/** The same places as text: where, and what is not usual there. */
export async function placesOn(...args: Parameters<typeof endpointsOn>): Promise<string[]> {
  const endpoints = await endpointsOn(...args);
  return endpoints.map(({ host, repository, resolves, pulls, isDetour }) =>
    [
      `${host.origin}${host.apiPath ?? "/v2"}/${repository}${host.namespace === undefined ? "" : `?ns=${host.namespace}`}`,
      ...(host.tls?.skipVerify === true ? ["unchecked"] : []),
      ...(resolves ? [] : ["never resolves"]),
      ...(pulls ? [] : ["never pulls"]),
      ...(isDetour ? ["detour"] : []),
    ].join(" "),
  );
}
