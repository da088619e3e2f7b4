import type { BundleIdentity, Digest } from "../../index.js";
import type { TrustArguments } from "../trust.js";
import type { Field } from "./fields.js";
import { shellWord } from "./shell-word.js";
import { exactBytes } from "./units.js";

/** What identifies a bundle. */
export interface BundleFacts {
  readonly identity: BundleIdentity;
  readonly indexDigest: Digest;
  /** The key that signed; undefined if no signature was asked for. */
  readonly signedBy: string | undefined;
  /** In bytes. */
  readonly size: number;
}

/** What identifies a bundle, for people. */
export function bundleFields({ identity, indexDigest, signedBy, size }: BundleFacts): Field[] {
  const { stream, serial, created, previous } = identity;
  return [
    ["signed by", signedBy ?? "NOT CHECKED: anybody may have made or changed this bundle"],
    ["size", exactBytes(size)],
    ["made", `${created}, number ${serial} of ${stream}`],
    ["index", indexDigest],
    ...(previous === null ? [] : [["replaces", previous] as const]),
  ];
}

/** The options that say the same of trust in a next command. */
export function trustWords({ key, "allow-unsigned": allowUnsigned }: TrustArguments): string {
  if (allowUnsigned === true) return " --allow-unsigned";
  return (key ?? []).map((path) => ` --key ${shellWord(path)}`).join("");
}
