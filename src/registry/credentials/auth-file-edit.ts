import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { isSealiftError, quote } from "../../errors/index.js";
import { mediumError, readSmallFile, replaceFile } from "../../io/index.js";
import { parseJson } from "../../oci/index.js";
import { MAX_AUTH_FILE_SIZE, parseAuthFile } from "./auth-file.js";

// All of the file, to be written again; parseAuthFile has checked the rest.
const documentSchema = z.looseObject({ auths: z.record(z.string(), z.unknown()).nullish() });

type Auths = ReadonlyMap<string, unknown>;

/**
 * Changes the `auths` of a file with credentials; all else in it stays. A file
 * that is not there is made, readable by its owner only.
 *
 * @param change - What `auths` shall be; undefined leaves the file as it is.
 * @throws SealiftError `CONFIG_INVALID` if the file cannot be understood, and as
 * for any file. It is untouched then.
 */
export async function editAuths(path: string, change: (auths: Auths) => Auths | undefined): Promise<void> {
  const bytes = await readIfThere(path);
  parseAuthFile(bytes, quote(path));
  const document = bytes.length === 0 ? {} : parseJson(bytes, documentSchema, "the file", "CONFIG_INVALID");
  const changed = change(new Map(Object.entries(document.auths ?? {})));
  if (changed === undefined) return;
  // As Docker and Podman write it, so that a diff shows what changed.
  const text = JSON.stringify({ ...document, auths: Object.fromEntries(changed) }, undefined, "\t");
  await makeFolder(dirname(path));
  await replaceFile(path, Buffer.from(`${text}\n`), 0o600);
}

async function readIfThere(path: string): Promise<Uint8Array> {
  try {
    return await readSmallFile(path, MAX_AUTH_FILE_SIZE);
  } catch (error) {
    if (isSealiftError(error, "FILE_NOT_FOUND")) return Buffer.alloc(0);
    throw error;
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw mediumError(error, "create", folder);
  }
}
