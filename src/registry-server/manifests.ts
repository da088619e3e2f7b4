import { isSealiftError } from "../errors/index.js";
import {
  type Descriptor,
  digestAlgorithm,
  digestOf,
  isDigest,
  isForeignLayerMediaType,
  isImageManifestMediaType,
  isIndexMediaType,
  MAX_MANIFEST_SIZE,
  parseManifest,
  type RawManifest,
} from "../oci/index.js";
import type { Call } from "./call.js";
import { subjectHeader } from "./referrers.js";
import { type Reply, refusal } from "./reply.js";
import type { MemoryStorage } from "./storage.js";

/** Answers GET and HEAD of a manifest. */
export function getManifest(storage: MemoryStorage, repository: string, reference: string): Reply {
  const manifest = storage.manifest(repository, reference);
  if (manifest === undefined) return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown");
  const { mediaType, digest } = manifest.descriptor;
  return {
    status: 200,
    headers: { "content-type": mediaType, "docker-content-digest": digest },
    body: manifest.bytes,
  };
}

// A tag of the distribution specification (spec.md, "Pulling manifests").
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Stores a manifest, if all it refers to is there. */
export async function putManifest(
  storage: MemoryStorage,
  repository: string,
  reference: string,
  call: Call,
): Promise<Reply> {
  if (!isDigest(reference) && !TAG.test(reference)) return refusal(400, "MANIFEST_INVALID", "invalid tag or digest");
  const bytes = await call.readBody(MAX_MANIFEST_SIZE);
  if (bytes === undefined) return refusal(413, "SIZE_INVALID", `manifests are at most ${MAX_MANIFEST_SIZE} bytes`);
  const digest = digestOf(bytes, isDigest(reference) ? digestAlgorithm(reference) : "sha256");
  if (isDigest(reference) && digest !== reference) {
    return refusal(400, "DIGEST_INVALID", `provided digest ${reference}, received ${digest}`);
  }
  const mediaType = call.headers["content-type"] ?? "";
  const wrong = problemWith(storage, repository, { descriptor: { mediaType, digest, size: bytes.length }, bytes });
  if (wrong !== undefined) return wrong;
  const manifest = storage.putManifest(repository, reference, mediaType, bytes);
  return {
    status: 201,
    headers: {
      location: `/v2/${repository}/manifests/${reference}`,
      "docker-content-digest": digest,
      ...subjectHeader(manifest),
    },
  };
}

function problemWith(storage: MemoryStorage, repository: string, manifest: RawManifest): Reply | undefined {
  try {
    const parsed = parseManifest(manifest);
    const children = parsed.kind === "index" ? parsed.manifests : [parsed.config, ...parsed.layers];
    const missing = children.find((child) => !isThere(storage, repository, child));
    return missing && refusal(400, "MANIFEST_BLOB_UNKNOWN", `${missing.digest} is unknown to repository ${repository}`);
  } catch (error) {
    if (isSealiftError(error)) return refusal(400, "MANIFEST_INVALID", error.message);
    throw error;
  }
}

function isThere(storage: MemoryStorage, repository: string, { mediaType, digest }: Descriptor): boolean {
  if (isForeignLayerMediaType(mediaType)) return true;
  const isManifest = isIndexMediaType(mediaType) || isImageManifestMediaType(mediaType);
  return isManifest ? storage.manifest(repository, digest) !== undefined : storage.hasBlob(repository, digest);
}
