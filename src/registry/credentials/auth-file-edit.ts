import { mkdir, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { isSealiftError, quote } from "../../errors/index.js";
import { acquireLock, mediumError, readSmallFileIfThere, replaceFile, retry } from "../../io/index.js";
import { parseJson } from "../../oci/index.js";
import { MAX_AUTH_FILE_SIZE, parseAuthFile } from "./auth-file.js";

// All of the file, to be written again; parseAuthFile has checked the rest.
const documentSchema = z.looseObject({ auths: z.record(z.string(), z.unknown()).nullish() });

type Auths = ReadonlyMap<string, unknown>;

/**
 * Changes the `auths` of a file with credentials; all else in it stays. A file
 * that is not there is made, readable by its owner only. Others who change it
 * in this way are waited for.
 *
 * @param change - What `auths` shall be; undefined leaves the file as it is. It
 * may be called twice: what it said last counts.
 * @throws SealiftError `CONFIG_INVALID` if the file cannot be understood, `LOCKED`
 * if somebody else goes on changing it, and as for any file. It is untouched then.
 */
export async function editAuths(path: string, change: (auths: Auths) => Auths | undefined): Promise<void> {
  if ((await edited(path, change)) === undefined) return;
  await makeFolder(dirname(path));
  await using _lock = await lockOf(path);
  // What was read before may have been changed since.
  const bytes = await edited(path, change);
  if (bytes !== undefined) await replaceFile(path, bytes, 0o600);
}

/** What the file shall hold; undefined to leave it as it is. */
async function edited(path: string, change: (auths: Auths) => Auths | undefined): Promise<Uint8Array | undefined> {
  const bytes = (await readSmallFileIfThere(path, MAX_AUTH_FILE_SIZE)) ?? Buffer.alloc(0);
  parseAuthFile(bytes, quote(path));
  const document = bytes.length === 0 ? {} : parseJson(bytes, documentSchema, "the file", "CONFIG_INVALID");
  const changed = change(new Map(Object.entries(document.auths ?? {})));
  if (changed === undefined) return undefined;
  // As Docker and Podman write it, so that a diff shows what changed.
  const text = JSON.stringify({ ...document, auths: Object.fromEntries(changed) }, undefined, "\t");
  return Buffer.from(`${text}\n`);
}

/** Two logins at a time would each write what they read, and one of them would be lost. */
async function lockOf(path: string): Promise<AsyncDisposable> {
  // Where a link leads somewhere else, only that place need be written to.
  const target = await realpath(path).catch(() => path);
  return await retry(() => acquireLock(`${target}.lock`, `the credentials in ${quote(path)}`), {
    minDelay: (error) => (isSealiftError(error, "LOCKED") ? 0 : undefined),
  });
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw mediumError(error, "create", folder);
  }
}
