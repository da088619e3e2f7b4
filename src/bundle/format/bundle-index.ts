import * as z from "zod";
import { quote, SealiftError } from "../../errors/index.js";
import {
  attachmentTags,
  type Descriptor,
  type Digest,
  descriptorSchema,
  digestAlgorithm,
  digestHex,
  digestSchema,
  formatReference,
  listOf,
  parseJson,
  parseReference,
  sizeSchema,
} from "../../oci/index.js";
import { assertDelta, type Delta, deltaSchema, streamSchema, timeSchema } from "./delta.js";
import { DOCKER_MANIFEST_PATH, OCI_INDEX_PATH, OCI_LAYOUT_PATH } from "./paths.js";

/** The version of the format that docs/format.md describes. */
export const FORMAT_VERSION = 1;

/**
 * The largest signed index, in bytes. An entry takes about 200 bytes, and 150
 * more if it is left out, so this is room for 150,000 blobs, and it bounds what
 * a hostile header can make a reader allocate.
 */
export const MAX_INDEX_SIZE = 64 * 1024 * 1024;

// Each of these blobs is an object, and another one if it is left out; images have the rest.
const MAX_OBJECTS = 600_000;

/** Places a bundle among others of its kind. */
export interface BundleIdentity {
  /** Bundles of one stream follow each other: by default, the name of the file they are written to. */
  readonly stream: string;
  /** Grows from bundle to bundle of a stream: the time of creation in seconds since 1970. */
  readonly serial: number;
  /** When the bundle was made, in UTC (RFC 3339, to the second). */
  readonly created: string;
  /** The digest of the signed index of the bundle that this one replaced, if there was one. */
  readonly previous: Digest | null;
}

/** Something that an image refers to and the bundle, on purpose, does not hold. */
export interface Omission {
  readonly descriptor: Descriptor;
  /**
   * `platform`: a child of an index, for a platform that was not chosen.
   * `foreign-layer`: a layer that must not be redistributed.
   */
  readonly reason: "platform" | "foreign-layer";
}

/** A manifest that says something of an image in a bundle: a signature, an attestation, an SBOM. */
export interface BundleReferrer {
  /** With its artifactType, and those of its annotations that tell what it is. */
  readonly descriptor: Descriptor;
  /** The manifest that it is about: the image's root, one below that, or another referrer. */
  readonly subject: Digest;
  /** The tag that cosign finds it by. Without one, it names its subject itself, or the image's index does for it. */
  readonly tag?: string;
}

/** One image in a bundle. */
export interface BundleImage {
  /** The fully qualified reference it is loaded and imported as: with its tag, or with its digest if it has no tag. */
  readonly name: string;
  /** The reference as the user wrote it. */
  readonly requested: string;
  /** The registry and repository that its root manifest came from: a mirror's, if one gave it. */
  readonly source: string;
  /** The manifest or index that the reference named when the bundle was made. */
  readonly root: Descriptor;
  /** The platforms that the bundle holds the image for; none for what is not a runnable image. */
  readonly platforms: readonly string[];
  readonly omitted: readonly Omission[];
  /** Sorted by digest, subject and tag; absent if there are none. */
  readonly referrers?: readonly BundleReferrer[];
}

/** One file in the tar, in the order of the tar. */
export interface BundleEntry {
  readonly path: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** The signed index: every byte of the bundle follows from it and its signature. */
export interface BundleIndex {
  readonly formatVersion: typeof FORMAT_VERSION;
  readonly identity: BundleIdentity;
  /** Names the key that signed: base64 of the SHA-256 of the public key in DER. */
  readonly keyId: string;
  readonly images: readonly BundleImage[];
  /** All that follows the signature in the tar; of a delta, in its full form. */
  readonly entries: readonly BundleEntry[];
  /** What is left out of the delta form; absent if the bundle is no delta. */
  readonly delta?: Delta;
}

// Names decide where images go on the far side, so nothing but a whole reference is one.
const nameSchema = z.custom<string>((value) => typeof value === "string" && isWholeReference(value), {
  error: "expected a fully qualified reference with a tag or a digest",
});

const referrerSchema = z.strictObject({
  descriptor: descriptorSchema,
  subject: digestSchema,
  tag: z.string().exactOptional(),
});

const imageSchema = z.strictObject({
  name: nameSchema,
  requested: z.string().min(1),
  // A registry and a repository: see the grammar of references.
  source: z.string().min(1).max(1024),
  root: descriptorSchema,
  platforms: listOf(z.string()),
  omitted: listOf(z.strictObject({ descriptor: descriptorSchema, reason: z.enum(["platform", "foreign-layer"]) })),
  referrers: listOf(referrerSchema).exactOptional(),
});

const indexSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  identity: z.strictObject({
    stream: streamSchema,
    serial: z.int().nonnegative(),
    created: timeSchema,
    previous: digestSchema.nullable(),
  }),
  // A SHA-256 takes 44.
  keyId: z.base64().max(100),
  images: listOf(imageSchema),
  entries: listOf(z.strictObject({ path: z.string(), digest: digestSchema, size: sizeSchema })),
  delta: deltaSchema.exactOptional(),
});

const WHAT = "the signed index sealift/bundle.json";

/** The path of a blob in the tar, as the OCI image layout demands (image-layout.md, "Blobs"). */
export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** The bytes that are signed. */
export function encodeBundleIndex(index: BundleIndex): Uint8Array {
  return Buffer.from(`${JSON.stringify(index, undefined, 1)}\n`);
}

/**
 * Reads a signed index. Its signature must have been checked before.
 *
 * @throws SealiftError `BUNDLE_INVALID` if it is not one, is of a newer format,
 * or lists entries that no bundle can have.
 */
export function parseBundleIndex(bytes: Uint8Array): BundleIndex {
  assertFormatVersion(bytes);
  const index = parseJson<BundleIndex>(bytes, indexSchema, WHAT, "BUNDLE_INVALID", MAX_OBJECTS);
  assertImages(index.images);
  const blobs = assertEntries(index.entries);
  if (index.delta !== undefined) assertDelta(index.delta, blobs);
  return index;
}

function isWholeReference(text: string): boolean {
  try {
    const reference = parseReference(text);
    return formatReference(reference) === text && (reference.tag === undefined || reference.digest === undefined);
  } catch {
    return false;
  }
}

function assertFormatVersion(bytes: Uint8Array): void {
  const schema = z.object({ formatVersion: z.int() });
  const { formatVersion } = parseJson(bytes, schema, WHAT, "BUNDLE_INVALID", MAX_OBJECTS);
  if (formatVersion !== FORMAT_VERSION) {
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected a bundle of format version ${FORMAT_VERSION}, got version ${formatVersion}`,
      { hint: "read it with the version of Sealift that wrote it, or a newer one" },
    );
  }
}

// Names decide what is loaded and tagged, so each stands for one image, and a
// digest in one is that image's.
function assertImages(images: readonly BundleImage[]): void {
  const seen = new Set<string>();
  for (const { name, root, referrers = [] } of images) {
    if (seen.has(name)) throw new SealiftError("BUNDLE_INVALID", `expected each image once, got ${name} twice`);
    seen.add(name);
    const { digest } = parseReference(name);
    if (digest !== undefined && digest !== root.digest) {
      throw new SealiftError("BUNDLE_INVALID", `expected ${name} to have its own digest as root, got ${root.digest}`);
    }
    assertReferrers(name, referrers);
  }
  if (images.length === 0)
    throw new SealiftError("BUNDLE_INVALID", "expected a bundle of at least one image, got none");
}

// A tag here is set on the far side. Only the ones that cosign gives can be, so
// that none of them can name an image.
function assertReferrers(name: string, referrers: readonly BundleReferrer[]): void {
  const seen = new Set<string>();
  for (const referrer of referrers) {
    const { descriptor, subject, tag } = referrer;
    if (tag !== undefined && !attachmentTags(subject).includes(tag)) {
      throw new SealiftError(
        "BUNDLE_INVALID",
        `expected a referrer of ${name} to have one of cosign's tags for ${subject}, or none, got ${quote(tag)}`,
      );
    }
    const key = referrerKey(referrer);
    if (seen.has(key)) {
      throw new SealiftError(
        "BUNDLE_INVALID",
        `expected each referrer of ${name} once, got ${descriptor.digest} twice`,
      );
    }
    seen.add(key);
  }
}

/** What tells referrers apart, and orders them. */
export function referrerKey({ descriptor, subject, tag = "" }: BundleReferrer): string {
  return `${descriptor.digest} ${subject} ${tag}`;
}

// A path can only be one of the three fixed ones or the one its digest gives,
// so none can escape a folder it is unpacked to, or stand for another blob.
// Gives the digests of those that are blobs.
function assertEntries(entries: readonly BundleEntry[]): readonly Digest[] {
  const fixed: readonly string[] = [OCI_LAYOUT_PATH, OCI_INDEX_PATH, DOCKER_MANIFEST_PATH];
  const seen = new Set<string>();
  for (const [position, { path, digest }] of entries.entries()) {
    const expected = fixed[position] ?? blobPath(digest);
    if (path !== expected) throw entryError(position, expected, path);
    if (seen.has(path)) throw new SealiftError("BUNDLE_INVALID", `expected each entry once, got ${path} twice`);
    seen.add(path);
  }
  if (entries.length < fixed.length)
    throw entryError(entries.length, fixed[entries.length] ?? "", "the end of the list");
  return entries.slice(fixed.length).map(({ digest }) => digest);
}

function entryError(position: number, expected: string, came: string): SealiftError {
  return new SealiftError(
    "BUNDLE_INVALID",
    `expected entry ${position} of the signed index to be ${expected}, got ${JSON.stringify(came.slice(0, 200))}`,
    { hint: "do not use this bundle: whoever signed it did not make it with Sealift" },
  );
}
