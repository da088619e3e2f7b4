import { quote, SealiftError } from "../errors/index.js";
import type { UserPassword } from "../index.js";
import { ask } from "./prompt.js";
import type { Session } from "./session.js";
import { readStdin } from "./stdin.js";

/** What the command line says of a user. */
export interface LoginArguments {
  readonly username: string | undefined;
  readonly "password-stdin": boolean | undefined;
}

// The largest passwords are the key files that Google takes for one, at 2.4 kB.
const MAX_PASSWORD_SIZE = 64 * 1024;

/**
 * The name and password for a registry: `--username` and standard input, else what is typed.
 *
 * @throws SealiftError `USAGE` if they do not suffice, `INTERRUPTED`.
 */
export async function readLogin(args: LoginArguments, registry: string, session: Session): Promise<UserPassword> {
  const { username, "password-stdin": fromStdin } = args;
  if (username !== undefined) assertUsername(username);
  if (fromStdin !== true) return await typedLogin(username, registry, session);
  if (username === undefined) {
    throw new SealiftError("USAGE", "expected --username with --password-stdin, got none", {
      hint: "add --username NAME",
    });
  }
  return { username, password: assertPassword(await readPassword(session)) };
}

async function typedLogin(username: string | undefined, registry: string, session: Session): Promise<UserPassword> {
  const { stdin, stderr } = session.host;
  if (stdin.isTTY !== true || stderr.isTTY !== true) {
    throw new SealiftError(
      "USAGE",
      "expected a name and a password, got neither both options nor a terminal to ask at",
      {
        hint: "give --username NAME and --password-stdin, and the password on standard input",
      },
    );
  }
  const questions = [
    ...(username === undefined ? [{ text: `User name at ${registry}` }] : []),
    { text: `Password${username === undefined ? "" : ` of ${username} at ${registry}`}`, isHidden: true },
  ];
  const hint = "run the same command again; --username and --password-stdin spare the questions";
  const answers = await ask(questions, hint, session);
  const password = answers.at(-1) ?? "";
  const name = username ?? answers[0] ?? "";
  assertUsername(name);
  return { username: name, password: assertPassword(password) };
}

// In a header, what follows the first colon is the password (RFC 7617 section 2).
function assertUsername(username: string): void {
  if (username !== "" && !username.includes(":")) return;
  throw new SealiftError(
    "USAGE",
    `expected a user name without a colon, got ${quote(username.replace(/:.*$/s, ":…"))}`,
    {
      hint: "give the name the registry knows you by; the password comes on standard input",
    },
  );
}

function assertPassword(password: string): string {
  if (password.trim() !== "") return password;
  throw new SealiftError("USAGE", "expected a password, got an empty one", { hint: "type it, or pipe it in" });
}

async function readPassword(session: Session): Promise<string> {
  if (session.host.stdin.isTTY === true) {
    throw new SealiftError("USAGE", "expected the password on standard input, got a terminal, which would show it", {
      hint: "pipe it in, or leave --password-stdin out to be asked for it",
    });
  }
  const bytes = await readStdin(session, MAX_PASSWORD_SIZE, tooLong);
  // One line end, which echo adds; all else may be a part of it (docker login does the same).
  return bytes.toString("utf8").replace(/(?:\r\n|\n|\r)$/, "");
}

function tooLong(): SealiftError {
  return new SealiftError("USAGE", `expected a password of at most ${MAX_PASSWORD_SIZE} bytes, got more`, {
    hint: "check what is piped in",
  });
}
