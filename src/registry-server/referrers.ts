import { isSealiftError } from "../errors/index.js";
import {
  type Descriptor,
  type Digest,
  isDigest,
  MEDIA_TYPE,
  parseReferrer,
  type RawManifest,
  type ReferrerStatement,
} from "../oci/index.js";
import type { Call } from "./call.js";
import { jsonReply, type Reply, refusal } from "./reply.js";
import type { MemoryStorage } from "./storage.js";

/** Answers the list of what refers to a digest, with a filter by artifactType (spec.md, "Listing Referrers"). */
export function listReferrers(storage: MemoryStorage, repository: string, digest: string, { url }: Call): Reply {
  if (!isDigest(digest)) return refusal(400, "DIGEST_INVALID", "invalid checksum digest format");
  const wanted = url.searchParams.get("artifactType");
  const all = storage.manifests(repository).flatMap((manifest) => descriptorFor(manifest, digest));
  const manifests = wanted === null ? all : all.filter(({ artifactType }) => artifactType === wanted);
  return jsonReply(
    200,
    { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests },
    { "content-type": MEDIA_TYPE.ociIndex, ...(wanted === null ? {} : { "oci-filters-applied": "artifactType" }) },
  );
}

/** What a PUT of a manifest is answered with, so that a client knows that its subject was understood. */
export function subjectHeader(manifest: RawManifest): Record<string, string> {
  const subject = statementOf(manifest)?.subject;
  return subject === undefined ? {} : { "oci-subject": subject };
}

function descriptorFor(manifest: RawManifest, digest: Digest): Descriptor[] {
  const { subject, artifactType, annotations = {} } = statementOf(manifest) ?? {};
  if (subject !== digest) return [];
  return [{ ...manifest.descriptor, ...(artifactType === undefined ? {} : { artifactType }), annotations }];
}

// The storage takes anything, and tests put it there.
function statementOf(manifest: RawManifest): ReferrerStatement | undefined {
  try {
    return parseReferrer(manifest);
  } catch (error) {
    if (isSealiftError(error)) return undefined;
    throw error;
  }
}
