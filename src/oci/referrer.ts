import * as z from "zod";
import { annotationsSchema, descriptorSchema, mediaTypeSchema, type RawManifest } from "./descriptor.js";
import { type Digest, digestAlgorithm, digestHex } from "./digest.js";
import { objectOf, parseJson } from "./json.js";

/** What a manifest or an index says of itself as one that refers to another (image-spec manifest.md, "subject"). */
export interface ReferrerStatement {
  /** What it is about, by its own word; undefined if it says nothing. */
  readonly subject: Digest | undefined;
  /** Its `artifactType`, else the media type of its config: what a list of referrers has to say of it. */
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

const referrerSchema = objectOf({
  subject: descriptorSchema.nullish(),
  artifactType: z.string().nullish(),
  config: objectOf({ mediaType: mediaTypeSchema }).nullish(),
  annotations: annotationsSchema.nullish(),
});

/**
 * Reads the members of a manifest or index that make it a referrer. That it is
 * one of the two is for `parseManifest` to say.
 *
 * @throws SealiftError `MANIFEST_INVALID` if one of them is malformed.
 */
export function parseReferrer({ descriptor, bytes }: RawManifest): ReferrerStatement {
  const what = `manifest ${descriptor.digest}`;
  const { subject, artifactType, config, annotations } = parseJson(bytes, referrerSchema, what, "MANIFEST_INVALID");
  return {
    subject: subject?.digest,
    // Empty is what Go writes for none.
    artifactType: artifactType || config?.mediaType,
    annotations: annotations ?? {},
  };
}

// distribution-spec, "Referrers Tag Schema": at most so much of the digest, which leaves room within the 128 of a tag.
const MAX_TAG_DIGEST = 64;

/** The tag under which a registry without the referrers API keeps the list of what refers to `subject`. */
export function referrersTag(subject: Digest): string {
  return `${digestAlgorithm(subject)}-${digestHex(subject).slice(0, MAX_TAG_DIGEST)}`;
}

/**
 * What cosign, before it knew referrers, attached to an image, by the suffix of the tag
 * (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md).
 */
const ATTACHMENT_SUFFIXES = ["sig", "att", "sbom"] as const;

/** The tags by which cosign finds what it attached to `subject`; it knows sha256 only. */
export function attachmentTags(subject: Digest): string[] {
  if (digestAlgorithm(subject) !== "sha256") return [];
  return ATTACHMENT_SUFFIXES.map((suffix) => `${referrersTag(subject)}.${suffix}`);
}
