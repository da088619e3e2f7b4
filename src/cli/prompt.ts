import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { SealiftError } from "../errors/index.js";
import { escapeControls } from "../errors/index.js";
import type { Session } from "./session.js";

/**
 * Asks questions on the terminal, one after the other, and shows nothing of what is typed.
 *
 * @throws SealiftError `INTERRUPTED` on Ctrl-C, Ctrl-D, or when the session's
 * signal is aborted. The terminal is as before then, too.
 */
export async function askHidden(questions: readonly string[], { host, signal }: Session): Promise<string[]> {
  signal.throwIfAborted();
  const { stdin: input, stderr } = host;
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const readline = createInterface({ input, output, terminal: true, historySize: 0 });
  const close = () => readline.close();
  readline.once("SIGINT", close);
  signal.addEventListener("abort", close, { once: true });
  try {
    const typed = readline[Symbol.asyncIterator]();
    const answers: string[] = [];
    for (const question of questions) {
      stderr.write(`${escapeControls(question)}: `);
      const line = await typed.next();
      stderr.write("\n");
      signal.throwIfAborted();
      if (line.done === true) throw unanswered();
      answers.push(line.value);
    }
    return answers;
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

function unanswered(): SealiftError {
  return new SealiftError("INTERRUPTED", "expected a password, got the wish to stop", {
    hint: "run the same command again; COSIGN_PASSWORD spares the question",
  });
}
