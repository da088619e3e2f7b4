import { readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { quote, SealiftError } from "../errors/index.js";
import { errnoOf } from "../io/index.js";
import type { SignatureVerifier } from "../ports/index.js";
import { readVerifier } from "./key-files.js";

/**
 * The folder of the public keys a user trusts: `sealift/trusted-keys` below
 * `$XDG_CONFIG_HOME`, else below `~/.config`. A relative `$XDG_CONFIG_HOME` is
 * ignored, as https://specifications.freedesktop.org/basedir-spec/latest/ demands.
 */
export function trustedKeysFolder(env: NodeJS.ProcessEnv): string {
  const { XDG_CONFIG_HOME: configHome = "", HOME: home = "" } = env;
  const base = isAbsolute(configHome) ? configHome : join(home === "" ? homedir() : home, ".config");
  return join(base, "sealift", "trusted-keys");
}

/**
 * The keys of every `*.pub` file of `folder`, by file name. As with the shell's
 * `*.pub`, hidden files are not among them. A folder that does not exist is empty.
 *
 * One bad file fails the whole: a key that its user believes to be trusted must
 * not vanish in silence.
 *
 * @throws SealiftError `KEY_INVALID` naming the file that is not a public key;
 * `CONFIG_INVALID` naming the file or folder that cannot be read.
 */
export async function loadTrustedKeys(folder: string): Promise<SignatureVerifier[]> {
  const names = await namesIn(folder);
  const verifiers: SignatureVerifier[] = [];
  for (const name of names.filter((name) => name.endsWith(".pub") && !name.startsWith(".")).sort()) {
    const path = join(folder, name);
    await assertRegularFile(path);
    verifiers.push(await readVerifier(path));
  }
  return verifiers;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return [];
    throw unreadable("a folder of trusted keys", folder, cause);
  }
}

// Opening a pipe would wait for its writer, perhaps for ever: nobody puts one into this folder on purpose.
async function assertRegularFile(path: string): Promise<void> {
  try {
    if ((await stat(path)).isFile()) return;
  } catch (cause) {
    throw unreadable("a trusted key", path, cause);
  }
  throw unreadable("a trusted key", path, new Error("not a regular file"));
}

function unreadable(what: string, path: string, cause: unknown): SealiftError {
  const why = errnoOf(cause) ?? (cause instanceof Error ? cause.message : "unreadable");
  return new SealiftError("CONFIG_INVALID", `expected ${quote(path)} to be ${what}, got ${why}`, {
    hint: "correct its permissions, or remove it from the folder",
    cause,
  });
}
