import { parse, TomlError } from "smol-toml";
import type * as z from "zod";
import { quote, SealiftError } from "../../errors/index.js";
import { readSmallFileIfThere } from "../../io/index.js";

// Those of large clusters have some hundred lines.
const MAX_CONFIG_SIZE = 1024 * 1024;

/**
 * The bytes of another tool's configuration; undefined if there is none.
 *
 * @throws SealiftError `CONFIG_INVALID` if it cannot be read.
 */
export async function readConfigFile(path: string): Promise<Uint8Array | undefined> {
  return await readSmallFileIfThere(path, MAX_CONFIG_SIZE);
}

/**
 * Reads TOML of the form that a schema describes.
 *
 * @throws SealiftError `CONFIG_INVALID`. It shows where the file is wrong and not
 * what stands there, which may be a password.
 */
export function parseToml<T>(bytes: Uint8Array, schema: z.ZodType<T>, path: string): T {
  let value: unknown;
  try {
    value = parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const place = error instanceof TomlError ? `line ${error.line}, column ${error.column}` : "bytes that are no text";
    throw configInvalid(path, `expected TOML, got something else at ${place}`);
  }
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const place = issue?.path.map(String).join(".") ?? "";
  throw configInvalid(path, `${place === "" ? "" : `${shown(place)}: `}${issue?.message.slice(0, 200) ?? ""}`);
}

/** What stands in a file, for messages; not what may hold a password. */
export function shown(text: string): string {
  return /[@?]/.test(text) ? "one with a user or a password" : quote(text, 80);
}

/** The error for another tool's configuration that cannot be used. */
export function configInvalid(path: string, problem: string): SealiftError {
  return new SealiftError("CONFIG_INVALID", `${quote(path)} cannot be used: ${problem}`, {
    hint: "correct the file, or leave mirrors out with --no-mirrors",
  });
}
