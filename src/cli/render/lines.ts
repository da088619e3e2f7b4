import type { Writable } from "node:stream";
import { escapeControls, SealiftError } from "../../errors/index.js";
import { type CliHost, type CliOutput, isTerminal } from "../host.js";

/** A line of text, or one that begins with a coloured label. */
export type Line = string | { readonly label: string; readonly colour: Colour; readonly text: string };

type Colour = keyof typeof COLOURS;

// Select Graphic Rendition of ECMA-48.
const COLOURS = { red: 31, yellow: 33 } as const;

/** Writes lines to one output. Everything goes through {@link escapeControls}, wherever it came from. */
export class LineWriter {
  readonly #output: CliOutput;
  readonly #colours: boolean;

  constructor(output: CliOutput, env: CliHost["env"]) {
    this.#output = output;
    // https://no-color.org
    this.#colours = isTerminal(output, env) && (env["NO_COLOR"] ?? "") === "";
  }

  /** Settles once the output has taken the lines; fails as {@link writeText}. */
  async write(lines: readonly Line[]): Promise<void> {
    await writeText(this.#output, lines.map((line) => `${this.format(line)}\n`).join(""));
  }

  /** A line as it is written, without its end. */
  format(line: Line): string {
    if (typeof line === "string") return escapeControls(line);
    const label = this.#colours ? `\u001b[${COLOURS[line.colour]}m${line.label}\u001b[0m` : line.label;
    return `${label} ${escapeControls(line.text)}`;
  }
}

/**
 * Settles once `output` has taken `text`. A reader that went away, as `head`
 * does, has all it wants.
 *
 * @throws SealiftError `NO_SPACE`, `MEDIUM_FAILED`.
 */
export async function writeText(output: Writable, text: string): Promise<void> {
  if (text === "") return;
  const error = await new Promise<Error | null | undefined>((resolve) => output.write(text, resolve));
  if (!error) return;
  const code = "code" in error ? String(error.code) : error.name;
  if (code === "EPIPE" || code === "ERR_STREAM_DESTROYED") return;
  throw new SealiftError(
    code === "ENOSPC" ? "NO_SPACE" : "MEDIUM_FAILED",
    `expected to write the result to stdout, got ${code}`,
    {
      hint: "what the command did is done; check where its output goes",
      cause: error,
    },
  );
}
