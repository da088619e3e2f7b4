import { resolve } from "node:path";
import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import { acquireLock, readSmallFile, replaceFile } from "../io/index.js";
import type { Reference } from "../oci/index.js";
import type { ImageLock } from "../ports/index.js";
import { isTagPattern, parseImage, type TagPattern, tagSelector } from "../tags/index.js";
import { LockDocument } from "./lock-document.js";

/** Where it is written down which digests tags had, and which tags patterns stood for. */
export interface LockOptions {
  /** The lock file. */
  readonly path: string;
  /** Whether it must cover all that is asked for, and so stays as it is. */
  readonly isFrozen?: boolean;
}

// In bytes: some hundred thousand images, more than the index of a bundle has room for.
const MAX_LOCK_SIZE = 16 * 1024 * 1024;

// More names than these do not help to find what is wrong.
const MAX_NAMES_SHOWN = 5;

/**
 * Reads what is asked for, so that all that is wrong with it is known before any
 * registry is asked.
 *
 * @param output - The bundle that will be written, if one will: neither it nor
 * what an export writes beside it can be the lock file.
 * @throws SealiftError `REFERENCE_INVALID`; `USAGE` if the lock file is one that
 * the export writes; `CONFIG_INVALID` if the lock file
 * cannot be read, or is frozen and lacks an image; `FILE_NOT_FOUND` if it is
 * frozen and not there.
 */
export async function parseImages(
  images: readonly string[],
  lock?: LockOptions,
  output?: string,
): Promise<(Reference | TagPattern)[]> {
  if (lock !== undefined && output !== undefined) assertApart(lock.path, output);
  const parsed = images.map(parseImage);
  for (const pattern of parsed.filter(isTagPattern)) await tagSelector(pattern);
  if (lock !== undefined) assertCovered(parsed, await readLock(lock), lock);
  return parsed;
}

function assertApart(path: string, output: string): void {
  if (![output, `${output}.lock`, `${output}.partial`].some((written) => resolve(written) === resolve(path))) return;
  const got = `got ${quote(path)}, which the export writes itself`;
  throw new SealiftError("USAGE", `expected a lock file of its own, ${got}`, {
    hint: "choose another name, such as sealift.lock",
  });
}

function assertCovered(
  images: readonly (Reference | TagPattern)[],
  document: LockDocument,
  { path, isFrozen }: LockOptions,
): void {
  const missing = isFrozen === true ? document.missing(images) : [];
  if (missing.length === 0) return;
  const more = missing.length > MAX_NAMES_SHOWN ? `, and ${missing.length - MAX_NAMES_SHOWN} more` : "";
  const names = `${missing.slice(0, MAX_NAMES_SHOWN).join(", ")}${more}`;
  throw new SealiftError(
    "CONFIG_INVALID",
    `expected the lock file ${quote(path)} to cover all images, but it lacks ${names}`,
    {
      hint: "have them added by an export without --locked, or leave them out",
    },
  );
}

/** A lock file in use. What is settled is forgotten unless it is saved. */
export class LockFile implements AsyncDisposable {
  readonly #path: string;
  readonly #document: LockDocument;
  readonly #saved: Buffer;
  readonly #held: AsyncDisposable | undefined;

  private constructor(path: string, document: LockDocument, held: AsyncDisposable | undefined) {
    this.#path = path;
    this.#document = document;
    this.#saved = document.encode();
    this.#held = held;
  }

  /**
   * Opens a lock file; one that is not there holds nothing yet. Unless it is
   * frozen, no other run uses it meanwhile: each must know what others add.
   *
   * @throws SealiftError `LOCKED`, and as {@link parseImages}.
   */
  static async open(options: LockOptions): Promise<LockFile> {
    const { path, isFrozen } = options;
    const held = isFrozen === true ? undefined : await acquireLock(`${path}.lock`, `the lock file ${quote(path)}`);
    try {
      return new LockFile(path, await readLock(options), held);
    } catch (error) {
      await held?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  get lock(): ImageLock {
    return this.#document;
  }

  /**
   * Writes down what is settled.
   *
   * @throws SealiftError as for any file; the file is as it was then.
   */
  async save(): Promise<void> {
    const bytes = this.#document.encode();
    // Who may read a list of images may read what became of it.
    if (!bytes.equals(this.#saved)) await replaceFile(this.#path, bytes, 0o644);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held?.[Symbol.asyncDispose]();
  }
}

async function readLock({ path, isFrozen }: LockOptions): Promise<LockDocument> {
  try {
    return LockDocument.parse(await readSmallFile(path, MAX_LOCK_SIZE, `lock file ${quote(path)}`), path);
  } catch (error) {
    if (!isSealiftError(error, "FILE_NOT_FOUND")) throw error;
    if (isFrozen !== true) return LockDocument.empty();
    throw new SealiftError("FILE_NOT_FOUND", error.message, {
      hint: "check the path, or have the lock file made by an export without --locked",
      cause: error,
    });
  }
}
