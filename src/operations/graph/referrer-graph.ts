import type { BundleReferrer } from "../../bundle/format/index.js";
import {
  type Descriptor,
  type Digest,
  isDigest,
  parseManifest,
  parseReferrer,
  type RawManifest,
  type ReferrerStatement,
} from "../../oci/index.js";
import { ALL_CHILDREN, type ImageGraph, walkImage } from "./image-graph.js";
import type { MetadataReader } from "./metadata-reader.js";

/** A manifest that says something of an image, with all that hangs below it. */
export interface WalkedReferrer {
  readonly referrer: BundleReferrer;
  readonly graph: ImageGraph;
  /** What it says of itself. */
  readonly statement: ReferrerStatement;
}

// BuildKit marks a child of an index that describes another one, and names that one:
// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
const BUILDKIT_SUBJECT = "vnd.docker.reference.digest";
const BUILDKIT_TYPE = "vnd.docker.reference.type";

/** The child of an index that this one, an attestation of BuildKit's, is about; undefined if it is none. */
export function attestedDigest({ annotations }: Descriptor): Digest | undefined {
  const digest = annotations?.[BUILDKIT_SUBJECT];
  return digest !== undefined && isDigest(digest) ? digest : undefined;
}

/** The attestations among an image's own manifests of what is carried, as their index lists them, by digest. */
export function attestationsIn({ manifests }: ImageGraph): ReadonlyMap<Digest, Descriptor> {
  const carried = new Set(manifests.map(({ descriptor }) => descriptor.digest));
  const found = new Map<Digest, Descriptor>();
  for (const manifest of manifests) {
    const parsed = parseManifest(manifest);
    if (parsed.kind !== "index") continue;
    for (const child of parsed.manifests) {
      const subject = attestedDigest(child);
      if (subject !== undefined && carried.has(subject) && carried.has(child.digest)) found.set(child.digest, child);
    }
  }
  return found;
}

/** An image's own graph, and those of its referrers. */
export function graphsOf(image: {
  readonly graph: ImageGraph;
  readonly referrers: readonly WalkedReferrer[];
}): ImageGraph[] {
  return [image.graph, ...image.referrers.map(({ graph }) => graph)];
}

/** The root of a graph, with its bytes. */
export function rootOf({ manifests }: ImageGraph): RawManifest {
  const root = manifests.at(-1);
  if (root === undefined) throw new Error("a graph has its root");
  return root;
}

/**
 * Reads a manifest that was said to refer to another, and everything below it.
 *
 * @param listed - What the image's own index says of it, if it is in it.
 * @throws SealiftError as {@link walkImage}.
 */
export async function walkReferrer(
  { descriptor, subject, tag }: BundleReferrer,
  metadata: MetadataReader,
  listed?: Descriptor,
): Promise<WalkedReferrer> {
  const { mediaType, digest, size } = descriptor;
  const graph = await walkImage({ mediaType, digest, size }, metadata, ALL_CHILDREN);
  const statement = parseReferrer(rootOf(graph));
  const described = describe(graph.root, statement, listed);
  return { referrer: { descriptor: described, subject, ...(tag === undefined ? {} : { tag }) }, graph, statement };
}

/** Whether a referrer is about its subject: by a tag, by its own word, or by that of the image's index. */
export function isAboutSubject({ referrer, statement }: WalkedReferrer, listed: Descriptor | undefined): boolean {
  const { subject, tag } = referrer;
  return (
    tag !== undefined || statement.subject === subject || (listed !== undefined && attestedDigest(listed) === subject)
  );
}

// What tells a signature in a Sigstore bundle from an attestation
// (https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md), and an attestation of BuildKit's from an image.
const TELLING_ANNOTATIONS = ["dev.sigstore.bundle.predicateType", BUILDKIT_TYPE];

// Longer than any predicate's URL; the signed index is not the place for more.
const MAX_ANNOTATION = 256;

function describe(root: Descriptor, statement: ReferrerStatement, listed: Descriptor | undefined): Descriptor {
  const { artifactType } = statement;
  const stated = { ...statement.annotations, ...listed?.annotations };
  const telling = TELLING_ANNOTATIONS.flatMap((name) => {
    const value = stated[name];
    return value === undefined || value.length > MAX_ANNOTATION ? [] : [[name, value] as const];
  });
  return {
    ...root,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(telling.length === 0 ? {} : { annotations: Object.fromEntries(telling) }),
  };
}
