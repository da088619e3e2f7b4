import type { TrustPolicy } from "../index.js";
import type { Session } from "./session.js";

/** What the command line says of trust: see `TRUST_OPTIONS`. */
export interface TrustArguments {
  readonly key: readonly string[] | undefined;
  readonly "allow-unsigned": boolean | undefined;
}

/**
 * Who is trusted: the named keys, else those in the user's folder of trusted
 * keys, which may be none; or, if that was asked for, anybody.
 *
 * @throws SealiftError `FILE_NOT_FOUND`, `KEY_INVALID`, `CONFIG_INVALID`.
 */
export async function trustFrom(args: TrustArguments, session: Session): Promise<TrustPolicy> {
  if (args["allow-unsigned"] === true) {
    session.warnAloud("nobody's signature is checked (--allow-unsigned): anybody may have made or changed this bundle");
    return { kind: "allow-unsigned" };
  }
  const { loadTrustedKeys, readVerifier, trustedKeysFolder } = await import("../index.js");
  if (args.key === undefined) {
    return { kind: "keys", verifiers: await loadTrustedKeys(trustedKeysFolder(session.host.env)) };
  }
  const verifiers = [];
  for (const path of args.key) verifiers.push(await readVerifier(path));
  return { kind: "keys", verifiers };
}

/**
 * As {@link trustFrom}, for commands that only look: where no key is trusted,
 * nobody's signature is checked, and their output says so.
 *
 * @throws SealiftError as {@link trustFrom}.
 */
export async function trustToLook(args: TrustArguments, session: Session): Promise<TrustPolicy> {
  const trust = await trustFrom(args, session);
  return trust.kind === "keys" && trust.verifiers.length === 0 ? { kind: "allow-unsigned" } : trust;
}
