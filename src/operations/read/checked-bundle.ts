import type { BundleIdentity } from "../../bundle/format/index.js";
import type { Digest } from "../../oci/index.js";
import type { ReadableBundle } from "./open-bundle.js";

/** What every check says of a bundle, whatever it finds. */
export interface CheckedBundle {
  readonly identity: BundleIdentity;
  readonly indexDigest: Digest;
  /** The key that signed; undefined if no signature was asked for. */
  readonly signedBy: string | undefined;
  /** In bytes, as the index determines it. */
  readonly size: number;
}

export function checkedBundle({ index, indexDigest, signedBy, layout }: ReadableBundle): CheckedBundle {
  return { identity: index.identity, indexDigest, signedBy: signedBy?.keyId, size: layout.size };
}
