import type { DeltaBase, DeltaSummary } from "../../index.js";
import type { Field } from "./fields.js";
import { counted, exactBytes } from "./units.js";

/**
 * What a delta leaves out, and what it relies on, for people; nothing of a
 * bundle that is no delta.
 *
 * @param registry - What is to be said of the registry.
 */
export function deltaFields(delta: DeltaSummary | undefined, registry = "the registry must have them"): Field[] {
  if (delta === undefined) return [];
  const { form, bases, blobs, bytes } = delta;
  const amount = `${counted(blobs, "blob")}: ${exactBytes(bytes)}`;
  if (form === "full") return [["merged", `it also holds what its delta leaves out, ${amount}`]];
  return [
    ["left out", `${amount}; ${registry}`],
    ...bases.flatMap((base, at): Field[] => [
      [at === 0 ? "relies on" : "", baseWords(base)],
      ...(bases.length === 1 ? [] : [["", `for ${counted(base.blobs, "blob")}: ${exactBytes(base.bytes)}`] as const]),
    ]),
  ];
}

function baseWords(base: DeltaBase): string {
  return base.kind === "bundle"
    ? `${base.stream}, made ${base.created}, number ${base.serial}, index ${base.indexDigest}`
    : `the inventory of ${base.registry}, made ${base.created}, ${base.digest}`;
}
