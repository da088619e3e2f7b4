import * as z from "zod";
import { SealiftError } from "../../errors/index.js";
import { type Digest, digestSchema, isRegistry, isRepository, listOf } from "../../oci/index.js";

/** A bundle that must have been imported before a delta. */
export interface BaseBundle {
  readonly kind: "bundle";
  /** These three as in its {@link BundleIdentity}. */
  readonly stream: string;
  readonly serial: number;
  readonly created: string;
  /** The digest of its signed index. */
  readonly indexDigest: Digest;
  /**
   * The repositories of all its images, sorted, as in {@link LeftOutBlob.repository}: any
   * of them may have what is left out. Stated if only the index was at hand,
   * which does not say which image needs which blob.
   */
  readonly repositories?: readonly string[];
}

/** A list of what the far side had. */
export interface BaseInventory {
  readonly kind: "inventory";
  /** The registry that it was made of, as it stands in references. */
  readonly registry: string;
  /** When it was begun, in UTC (RFC 3339, to the second). */
  readonly created: string;
  /** The digest of the file. */
  readonly digest: Digest;
}

/** What a delta relies on. */
export type DeltaBase = BaseBundle | BaseInventory;

/** A blob that a delta does not hold, since the far side has it. */
export interface LeftOutBlob {
  readonly digest: Digest;
  /** The place of what vouches for it in {@link Delta.bases}. */
  readonly base: number;
  /**
   * Where the far side has it. For a base bundle, the repository of one of its
   * images, without its registry: import puts the destination before it, as it
   * does with the image. For an inventory, the repository of the registry as it is.
   */
  readonly repository: string;
}

/** What makes a bundle a delta. */
export interface Delta {
  /** Each is the base of something that is left out. */
  readonly bases: readonly DeltaBase[];
  /** At least one, in the order of the entries, among which they follow each other. */
  readonly leftOut: readonly LeftOutBlob[];
}

/** A file's name (NAME_MAX of Linux; as many on NTFS and exFAT), in the index and in whatever is made from it. */
export const streamSchema = z.string().min(1).max(255);

/** Zod's pattern lets a fraction of a second have any number of digits. */
export const timeSchema = z.iso.datetime().max(40);

// Both decide where the far side is asked, so neither may lead anywhere else.
/** A repository's path within its registry. */
export const repositorySchema = z.custom<string>((value) => typeof value === "string" && isRepository(value), {
  error: "expected a repository without its registry",
});
/** A registry as it stands in references. */
export const registrySchema = z.custom<string>((value) => typeof value === "string" && isRegistry(value), {
  error: "expected a registry",
});

const baseSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("bundle"),
    stream: streamSchema,
    serial: z.int().nonnegative(),
    created: timeSchema,
    indexDigest: digestSchema,
    repositories: listOf(repositorySchema).exactOptional(),
  }),
  z.strictObject({
    kind: z.literal("inventory"),
    registry: registrySchema,
    created: timeSchema,
    digest: digestSchema,
  }),
]);

/** The member `delta` of a signed index. */
export const deltaSchema = z.strictObject({
  bases: listOf(baseSchema),
  leftOut: listOf(z.strictObject({ digest: digestSchema, base: z.int().nonnegative(), repository: repositorySchema })),
});

/**
 * Checks that a delta leaves out blobs of its index that follow each other, in
 * their order, and that each of its bases is one of something. Whether they are
 * the first layers is for the reader of the manifests to see.
 *
 * @param blobs - The digests of all entries that are blobs, in their order.
 * @throws SealiftError `BUNDLE_INVALID`.
 */
export function assertDelta({ bases, leftOut }: Delta, blobs: readonly Digest[]): void {
  const positions = new Map(blobs.map((digest, position) => [digest, position]));
  const used = new Set<number>();
  let next: number | undefined;
  for (const { digest, base } of leftOut) {
    const position = positions.get(digest);
    if (position === undefined) throw deltaError("to be blobs of the index", `${digest}, which is none`);
    if (position !== (next ?? position)) throw deltaError("to follow each other as entries", `${digest} out of place`);
    if (base >= bases.length) throw deltaError(`to have one of ${bases.length} bases`, `base ${base} for ${digest}`);
    used.add(base);
    next = position + 1;
  }
  if (leftOut.length === 0) throw deltaError("of a delta to be at least one", "none");
  const unused = bases.findIndex((_base, at) => !used.has(at));
  if (unused >= 0) throw deltaError("to rely on every base of the delta", `none that relies on base ${unused}`);
}

function deltaError(expected: string, came: string): SealiftError {
  return new SealiftError("BUNDLE_INVALID", `expected the blobs that are left out ${expected}, got ${came}`, {
    hint: "do not use this bundle: whoever signed it did not make it with Sealift",
  });
}
