import { escapeControls, isSealiftError } from "../../errors/index.js";

/**
 * The JSON that `--json` prints. Errors become `{code, message, hint}`, what is
 * undefined becomes null, and characters that would drive a terminal are escaped.
 */
export function jsonText(value: object): string {
  const text = JSON.stringify(value, plain, 2);
  // Line ends are the text's own: JSON.stringify escapes those in strings.
  return `${text.split("\n").map(escapeControls).join("\n")}\n`;
}

function plain(_key: string, value: unknown): unknown {
  if (isSealiftError(value)) return { code: value.code, message: value.message, hint: value.hint };
  return value === undefined ? null : value;
}
