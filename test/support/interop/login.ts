import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { textOf } from "./process.js";

/** A user of a registry. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Whom the registries of these tests know. A colon in the password is where clients cut wrongly. */
export const CARRIER: Login = { username: "carrier", password: "over:the gap" };

/** Writes an htpasswd file that knows `login`; its path. */
export async function writeHtpasswd(folder: string, { username, password }: Login): Promise<string> {
  const path = join(folder, "htpasswd");
  // distribution takes bcrypt (-B) only; the least cost is enough here.
  await writeFile(path, await textOf("htpasswd", ["-n", "-b", "-B", "-C", "4", username, password]));
  return path;
}

/** The value of an Authorization header. */
export function basicAuthorization({ username, password }: Login): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
