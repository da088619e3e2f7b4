import type { TrustPolicy } from "../index.js";
import type { Session } from "./session.js";

/**
 * What `--since` says, and whose bundles it may name: besides those of the key
 * that signs, those of the keys that the user trusts.
 *
 * @throws SealiftError `KEY_INVALID`, `CONFIG_INVALID`.
 */
export async function sinceFrom(
  since: readonly string[] | undefined,
  session: Session,
): Promise<{ readonly since?: readonly string[]; readonly trust?: TrustPolicy }> {
  if (since === undefined) return {};
  const { loadTrustedKeys, trustedKeysFolder } = await import("../index.js");
  return { since, trust: { kind: "keys", verifiers: await loadTrustedKeys(trustedKeysFolder(session.host.env)) } };
}
