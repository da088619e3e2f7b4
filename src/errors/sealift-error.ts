import { type ErrorCode, type ExitCode, exitCodeOf } from "./codes.js";

/** What a {@link SealiftError} may carry besides its code and message. */
export interface SealiftErrorOptions {
  /** What the user can do about it: one imperative sentence, no final stop needed. */
  readonly hint?: string;
  /** The error this one was made from. */
  readonly cause?: unknown;
}

/**
 * The one error class of Sealift.
 *
 * `message` is one line that says what was expected and what came; `hint` says
 * what to do. Neither ever contains a credential.
 */
export class SealiftError extends Error {
  override readonly name = "SealiftError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: SealiftErrorOptions = {}) {
    super(oneLine(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  /** The exit code of a process that ends with this error. */
  get exitCode(): ExitCode {
    return exitCodeOf(this.code);
  }
}

/** Whether `error` is a {@link SealiftError} with one of `codes` (any code, if none is given). */
export function isSealiftError(error: unknown, ...codes: readonly ErrorCode[]): error is SealiftError {
  return error instanceof SealiftError && (codes.length === 0 || codes.includes(error.code));
}

/**
 * Quotes text that came from outside for use inside a message: control
 * characters are escaped, so that it can neither break the line nor drive the
 * terminal, and the length is bounded.
 */
export function quote(text: string, maxLength = 200): string {
  const shown = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return JSON.stringify(escapeControls(shown)).replaceAll("\\\\u", "\\u");
}

// C0, DEL, C1, and the Unicode line, paragraph and bidirectional controls
// (https://trojansource.codes): none of them has a place in a one-line message.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** The same text with control characters written as JSON writes them: it cannot drive a terminal. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function oneLine(message: string): string {
  const lines = message.split(/[\r\n]+/).map((line) => line.trim());
  return escapeControls(lines.filter((line) => line !== "").join(" "));
}
