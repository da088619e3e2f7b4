import { SealiftError } from "../errors/index.js";
import type { LockOptions } from "../index.js";
import type { Session } from "./session.js";
import { readStdin } from "./stdin.js";

/** What the command line says of images. */
export interface ImageArguments {
  /** Where none is named, yargs gives one that is undefined. */
  readonly image: readonly (string | undefined)[] | undefined;
  readonly images: string | undefined;
  readonly "password-stdin": boolean | undefined;
}

/**
 * All that is asked for: by name, and in the list that `--images` names.
 *
 * @throws SealiftError `USAGE` if it is nothing, and as `readImageList`.
 */
export async function requestedImages(args: ImageArguments, session: Session): Promise<string[]> {
  const named = (args.image ?? []).filter((image) => image !== undefined);
  if (args.images === undefined) {
    if (named.length > 0) return named;
    throw new SealiftError("USAGE", "expected IMAGE or --images, got none", { hint: "see sealift export --help" });
  }
  if (args.images === "-") return [...named, ...(await piped(args, session))];
  const { readImageList } = await import("../index.js");
  return [...named, ...(await readImageList(args.images))];
}

async function piped(args: ImageArguments, session: Session): Promise<string[]> {
  if (args["password-stdin"] === true) {
    throw new SealiftError("USAGE", "expected one thing on standard input, got --images - and --password-stdin", {
      hint: "have the list in a file, or log in before: sealift login REGISTRY",
    });
  }
  const { MAX_LIST_SIZE, parseImageList } = await import("../index.js");
  const tooMuch = () =>
    new SealiftError("CONFIG_INVALID", `expected a list of at most ${MAX_LIST_SIZE} bytes on standard input, got more`);
  return await parseImageList(await readStdin(session, MAX_LIST_SIZE, tooMuch), "standard input");
}

/** What the command line says of a lock file. */
export interface LockArguments {
  readonly lock: string | undefined;
  readonly locked: boolean | undefined;
}

/**
 * Reads `--lock` and `--locked`.
 *
 * @throws SealiftError `USAGE` if there is nothing to be locked to.
 */
export function lockFrom({ lock: path, locked = false }: LockArguments): { readonly lock?: LockOptions } {
  if (path === undefined && locked) {
    throw new SealiftError("USAGE", "expected --lock with --locked, got none", { hint: "add --lock sealift.lock" });
  }
  return path === undefined ? {} : { lock: { path, isFrozen: locked } };
}
