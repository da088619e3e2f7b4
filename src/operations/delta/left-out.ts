import type { BundleForm, BundleIndex, DeltaBase } from "../../bundle/format/index.js";

/** How much is left out. */
export interface LeftOutCounts {
  readonly blobs: number;
  /** In bytes. */
  readonly bytes: number;
}

/** What makes a bundle a delta, in short. */
export interface DeltaSummary extends LeftOutCounts {
  /** `full` if what the index leaves out is there all the same, as after a merge. */
  readonly form: BundleForm;
  /** What the delta relies on, each with how much it vouches for. */
  readonly bases: readonly (DeltaBase & LeftOutCounts)[];
}

/** What the index of a bundle leaves out; undefined if it is no delta. */
export function summarizeDelta({ entries, delta }: BundleIndex, form: BundleForm): DeltaSummary | undefined {
  if (delta === undefined) return undefined;
  const sizes = new Map(entries.map(({ digest, size }) => [digest, size]));
  const counts = delta.bases.map(() => ({ blobs: 0, bytes: 0 }));
  const all = { blobs: 0, bytes: 0 };
  for (const { digest, base } of delta.leftOut) {
    for (const count of [all, counts[base]]) {
      if (count === undefined) continue;
      count.blobs += 1;
      count.bytes += sizes.get(digest) ?? 0;
    }
  }
  const bases = delta.bases.map((base, at) => ({ ...base, ...(counts[at] ?? { blobs: 0, bytes: 0 }) }));
  return { form, bases, ...all };
}

/** Names a base in messages: what must have been imported, or asked, before. */
export function describeBase(base: DeltaBase): string {
  return base.kind === "bundle"
    ? `the bundle ${base.stream}, serial ${base.serial}, created ${base.created} (index ${base.indexDigest})`
    : `the inventory of ${base.registry}, created ${base.created} (${base.digest})`;
}
