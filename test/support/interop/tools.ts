import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, test } from "vitest";

/** What every interop test needs: the images come from these, and setpriv (util-linux) starts the daemons. */
const ALWAYS = ["docker-registry", "skopeo", "umoci", "debootstrap", "setpriv"];

/** Set by .ci/run, where a missing tool is a failure and not a reason to skip. */
const REQUIRED = process.env["SEALIFT_INTEROP"] === "required";

/** Where .ci/run builds programs. Debian keeps dockerd and debootstrap in /usr/sbin, which is not on everybody's PATH. */
const EXTRA_FOLDERS = [join(cacheFolder("sealift-ci"), "bin"), "/usr/sbin", "/sbin"];

/** A folder that outlives the run, outside the checkout. */
export function cacheFolder(name: string): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), name);
}

/** The PATH the tools are looked up in and run with. */
export const TOOL_PATH = [process.env["PATH"] ?? "", ...EXTRA_FOLDERS].join(delimiter);

/** distribution 3 calls itself `registry`. zot is used where somebody put it on the PATH. */
export type BuiltProgram = "cosign" | "registry" | "zot";

export function hasTool(name: string): boolean {
  return TOOL_PATH.split(delimiter).some((folder) => isExecutable(join(folder, name)));
}

/** What is missing on this machine for tests that need `tools`. */
export function missingFor(tools: readonly string[]): readonly string[] {
  const missing = [...ALWAYS, ...tools].filter((tool) => !hasTool(tool));
  // Daemons, mounts and a tree with other people's files need root.
  return process.getuid?.() === 0 ? missing : ["root", ...missing];
}

/** Tests that need real tools. Without them they are skipped and say so; in CI they fail. */
export function describeWith(tools: readonly string[], name: string, tests: () => void): void {
  const missing = missingFor(tools);
  if (missing.length === 0) {
    describe(name, tests);
  } else if (REQUIRED) {
    test(name, () => {
      throw new Error(`expected these on this machine: ${missing.join(", ")}; install them as .ci/run does`);
    });
  } else {
    describe.skip(`${name} (skipped, missing here: ${missing.join(", ")})`, tests);
  }
}

/**
 * Tests that need a program which no package of Debian has. Where `.ci/run`
 * builds it, which it does where there is Go, a missing one fails in CI;
 * elsewhere they are skipped and say so.
 */
export function describeWithBuilt(program: BuiltProgram, name: string, tests: () => void): void {
  const builtByCi = program !== "zot" && hasTool("go");
  if (builtByCi || hasTool(program)) describeWith([program], name, tests);
  else describe.skip(`${name} (skipped, missing here: ${program})`, tests);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
