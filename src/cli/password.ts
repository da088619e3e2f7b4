import { SealiftError } from "../errors/index.js";
import { ask } from "./prompt.js";
import type { Session } from "./session.js";

/**
 * The password of a private key: `COSIGN_PASSWORD`, else what is typed.
 *
 * @throws SealiftError `USAGE` if there is neither, `INTERRUPTED`.
 */
export async function readPassword(keyPath: string, session: Session): Promise<string> {
  const [password = ""] = await passwords([`Password of ${keyPath}`], session);
  return password;
}

/**
 * The password for a new private key; a typed one is asked for twice. An empty
 * one earns a warning.
 *
 * @throws SealiftError `USAGE` if there is none, or the two differ; `INTERRUPTED`.
 */
export async function choosePassword(keyPath: string, session: Session): Promise<string> {
  const [password = "", again] = await passwords([`Password for ${keyPath}`, "The same again"], session);
  if (again !== undefined && again !== password) {
    throw new SealiftError("USAGE", "expected the same password twice, got two different ones", {
      hint: "run the same command again; no key was made",
    });
  }
  if (password === "") {
    const text = `The password is empty: whoever gets hold of ${keyPath} can sign with it.`;
    session.onEvent({ type: "warning", text });
  }
  return password;
}

async function passwords(questions: readonly string[], session: Session): Promise<string[]> {
  const { env, stdin, stderr } = session.host;
  const given = env["COSIGN_PASSWORD"];
  if (given !== undefined) return [given];
  if (stdin.isTTY === true && stderr.isTTY === true) {
    const hint = "run the same command again; COSIGN_PASSWORD spares the question";
    const hidden = questions.map((text) => ({ text, isHidden: true }));
    return await ask(hidden, hint, session);
  }
  throw new SealiftError(
    "USAGE",
    "expected the private key's password, got neither COSIGN_PASSWORD nor a terminal to ask at",
    {
      hint: "set COSIGN_PASSWORD in the environment, or run the command at a terminal",
    },
  );
}
