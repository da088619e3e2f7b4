import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { escapeControls, SealiftError } from "../errors/index.js";
import type { Session } from "./session.js";

/** What is asked on the terminal. */
export interface Question {
  readonly text: string;
  /** Whether what is typed is not to be seen. */
  readonly isHidden?: boolean;
}

/**
 * Asks questions on the terminal, one after the other.
 *
 * @param hint - How to do without them, for the error.
 * @throws SealiftError `INTERRUPTED` on Ctrl-C, Ctrl-D, or when the session's
 * signal is aborted. The terminal is as before then, too.
 */
export async function ask(questions: readonly Question[], hint: string, { host, signal }: Session): Promise<string[]> {
  signal.throwIfAborted();
  const { stdin: input, stderr } = host;
  let isHidden = true;
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (!isHidden) stderr.write(chunk);
      done();
    },
  });
  const readline = createInterface({ input, output, terminal: true, historySize: 0 });
  const close = () => readline.close();
  readline.once("SIGINT", close);
  // What is typed ahead may be the answer to a question that hides it.
  readline.on("line", () => {
    isHidden = true;
  });
  signal.addEventListener("abort", close, { once: true });
  try {
    const typed = readline[Symbol.asyncIterator]();
    const answers: string[] = [];
    for (const question of questions) {
      const text = `${escapeControls(question.text)}: `;
      // readline draws the line anew when something in it is erased.
      readline.setPrompt(text);
      stderr.write(text);
      isHidden = question.isHidden === true;
      const line = await typed.next();
      // The end of a line that is seen is seen, too.
      if (question.isHidden === true || line.done === true) stderr.write("\n");
      signal.throwIfAborted();
      if (line.done === true)
        throw new SealiftError("INTERRUPTED", "expected an answer, got the wish to stop", { hint });
      answers.push(line.value);
    }
    return answers;
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}
