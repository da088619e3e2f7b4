import * as z from "zod";
import { quote, SealiftError } from "../../errors/index.js";
import { parseJson } from "../../oci/index.js";
import { type HelperEntry, loginOf } from "./auth-file.js";
import type { Credentials, UserPassword } from "./credentials.js";
import { type Ended, type HelperSurroundings, runHelper } from "./helper-process.js";

// The protocol of https://github.com/docker/docker-credential-helpers: an action
// as the only argument, its input on stdin, the answer on stdout; on stdout, too,
// the reason for an exit code other than 0.
const PREFIX = "docker-credential-";
const NOT_FOUND = "credentials not found in native keychain";

// What follows the prefix becomes part of a program's name: it must not become a path.
const HELPER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

// gcloud's helper leaves ServerURL out.
const answerSchema = z.object({ Username: z.string(), Secret: z.string() });

/** How the program of a helper is called: `docker-credential-pass`. */
export function helperProgram({ helper, source }: Pick<HelperEntry, "helper" | "source">): string {
  if (HELPER_NAME.test(helper)) return `${PREFIX}${helper}`;
  throw new SealiftError(
    "CONFIG_INVALID",
    `expected ${source} to name a credential helper such as pass or osxkeychain, got ${quote(helper)}`,
    { hint: `name only what follows ${PREFIX}; helpers are looked for on the PATH` },
  );
}

/**
 * Asks a helper for credentials; undefined if it has none.
 *
 * @throws SealiftError `CONFIG_INVALID`, with nothing of a secret; or the signal's reason.
 */
export async function askHelper(
  entry: HelperEntry,
  surroundings: HelperSurroundings,
): Promise<Credentials | undefined> {
  const program = helperProgram(entry);
  const ended = await runHelper({ program, source: entry.source }, "get", entry.serverUrl, surroundings);
  if (ended.exitCode !== 0) {
    if (isNotFound(ended)) return undefined;
    throw refusal(entry, program, "get", ended);
  }
  const { Username, Secret } = parseAnswer(ended.stdout, program);
  const login = loginOf(Username, Secret);
  return login && { ...login, source: `${program} (${entry.source})` };
}

/** Gives a helper credentials to keep; errors as {@link askHelper}. */
export async function storeWithHelper(
  entry: HelperEntry,
  login: UserPassword,
  around: HelperSurroundings,
): Promise<void> {
  const program = helperProgram(entry);
  const input = { ServerURL: entry.serverUrl, Username: login.username, Secret: login.password };
  const ended = await runHelper({ program, source: entry.source }, "store", JSON.stringify(input), around);
  if (ended.exitCode !== 0) throw refusal(entry, program, "store", ended, login.password);
}

/** Has a helper forget credentials; whether it had any. Errors as {@link askHelper}. */
export async function eraseWithHelper(entry: HelperEntry, surroundings: HelperSurroundings): Promise<boolean> {
  const program = helperProgram(entry);
  const ended = await runHelper({ program, source: entry.source }, "erase", entry.serverUrl, surroundings);
  if (ended.exitCode === 0) return true;
  // Not every helper says in the protocol's words that there was nothing.
  if (isNotFound(ended) || (await askHelper(entry, surroundings)) === undefined) return false;
  throw refusal(entry, program, "erase", ended);
}

function isNotFound({ stdout }: Ended): boolean {
  return stdout.toString("utf8").trim() === NOT_FOUND;
}

function parseAnswer(stdout: Buffer, program: string): z.infer<typeof answerSchema> {
  try {
    return parseJson(stdout, answerSchema, "the answer", "CONFIG_INVALID");
  } catch {
    // The parser's error would show the answer.
    throw new SealiftError(
      "CONFIG_INVALID",
      `expected ${program} to answer with {"ServerURL", "Username", "Secret"} in JSON and nothing else, got something else`,
      { hint: `see what it prints: echo REGISTRY | ${program} get` },
    );
  }
}

function refusal(entry: HelperEntry, program: string, action: string, ended: Ended, secret?: string): SealiftError {
  const { exitCode } = ended;
  const got = exitCode === undefined ? "its end by a signal" : `exit code ${exitCode}`;
  const words = wordsOf(ended, secret);
  return new SealiftError(
    "CONFIG_INVALID",
    `expected ${program}, which ${entry.source} names, to ${action} the credentials of ${entry.serverUrl}, got ${got}${words}`,
    { hint: `check that it works for this user and without a desktop: echo REGISTRY | ${program} get` },
  );
}

/** What a helper says of its failure, unless that may hold a secret: an answer's JSON, or what it was given. */
function wordsOf({ stdout, stderr }: Ended, secret: string | undefined): string {
  const words = stdout.toString("utf8").trim() || stderr.trim();
  const isUnsafe = words.includes("{") || (secret !== undefined && words.includes(secret));
  return words === "" || isUnsafe ? "" : `: ${quote(words)}`;
}
