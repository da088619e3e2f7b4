import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { textOf } from "../support/interop/process.js";
import { hasTool } from "../support/interop/tools.js";

/** The peers, and how each says its version. */
const PEERS: readonly (readonly [string, readonly string[]])[] = [
  ["docker-registry", ["--version"]],
  ["skopeo", ["--version"]],
  ["tar", ["--version"]],
  ["curl", ["--version"]],
  ["openssl", ["version"]],
];

/** What the figures depend on, a line each. */
export async function machineFacts(): Promise<readonly string[]> {
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"}), ${memory} GiB, ${type()} ${release()}`,
    `node ${process.version}`,
    ...(await Promise.all(PEERS.map(([name, args]) => versionOf(name, args)))),
  ];
}

async function versionOf(name: string, args: readonly string[]): Promise<string> {
  if (!hasTool(name)) return `${name}: not installed`;
  const [first = ""] = (await textOf(name, args)).split("\n");
  return first;
}
