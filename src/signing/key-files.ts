import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import { errnoOf, mediumError, readSmallFile } from "../io/index.js";
import type { SignatureVerifier, Signer } from "../ports/index.js";
import { generateKeyPair } from "./key-pair.js";
import { MAX_KEY_FILE_SIZE } from "./pem.js";
import { loadSigner } from "./signer.js";
import { loadVerifier } from "./verifier.js";

/** The files of a key pair. */
export interface KeyFiles {
  readonly privateKeyPath: string;
  readonly publicKeyPath: string;
  /** Names the key: see {@link SignatureVerifier.keyId}. */
  readonly keyId: string;
}

/**
 * Makes a key pair as `PREFIX.key`, which only its owner can read, and `PREFIX.pub`.
 *
 * @param password - Asked once, and only if neither file is there.
 * @throws SealiftError `FILE_EXISTS` if one of them is there: a key that is
 * overwritten is lost, and with it all that it signed. Also as for any file.
 */
export async function writeKeyPair(prefix: string, password: () => Promise<string>): Promise<KeyFiles> {
  const [privateKeyPath, publicKeyPath] = [`${prefix}.key`, `${prefix}.pub`];
  for (const path of [privateKeyPath, publicKeyPath]) {
    if (existsSync(path)) throw existsError(path);
  }
  const { privateKeyPem, publicKeyPem } = await generateKeyPair(await password());
  await writeNew(privateKeyPath, privateKeyPem, 0o600);
  try {
    await writeNew(publicKeyPath, publicKeyPem, 0o644);
  } catch (error) {
    await rm(privateKeyPath, { force: true });
    throw error;
  }
  return { privateKeyPath, publicKeyPath, keyId: loadVerifier(publicKeyPem).keyId };
}

/** {@link loadSigner} from a file. */
export async function readSigner(path: string, password: () => Promise<string>): Promise<Signer> {
  const pem = await readKey(path);
  return namingFile(path, () => loadSigner(pem, password));
}

/** {@link loadVerifier} from a file. */
export async function readVerifier(path: string): Promise<SignatureVerifier> {
  const pem = await readKey(path);
  return namingFile(path, async () => loadVerifier(pem));
}

async function readKey(path: string): Promise<string> {
  return (await readSmallFile(path, MAX_KEY_FILE_SIZE)).toString("latin1");
}

async function namingFile<T>(path: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isSealiftError(error, "KEY_INVALID", "PASSWORD_WRONG")) throw error;
    const { code, hint } = error;
    throw new SealiftError(code, `${quote(path)}: ${error.message}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { flag: "wx", mode, flush: true });
  } catch (error) {
    if (errnoOf(error) === "EEXIST") throw existsError(path);
    throw mediumError(error, "create", path);
  }
}

function existsError(path: string): SealiftError {
  return new SealiftError("FILE_EXISTS", `expected to create ${quote(path)}, but it is there already`, {
    hint: "choose another name with --output-key-prefix; a key that is overwritten is lost",
  });
}
