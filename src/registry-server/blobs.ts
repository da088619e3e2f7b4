import { type Digest, isDigest } from "../oci/index.js";
import { type Reply, refusal } from "./reply.js";
import type { MemoryStorage } from "./storage.js";

/** Answers GET and HEAD of a blob; `range` is the Range header. */
export function getBlob(storage: MemoryStorage, repository: string, digest: string, range?: string): Reply {
  if (!isDigest(digest)) return refusal(400, "DIGEST_INVALID", "invalid checksum digest format");
  const bytes = storage.hasBlob(repository, digest) ? storage.blob(digest) : undefined;
  if (bytes === undefined) return refusal(404, "BLOB_UNKNOWN", "blob unknown to registry");
  return range === undefined ? wholeBlob(digest, bytes) : partOfBlob(digest, bytes, range);
}

function wholeBlob(digest: Digest, bytes: Uint8Array): Reply {
  return { status: 200, headers: blobHeaders(digest), body: bytes };
}

// One range with a start, which is what resuming a download needs; RFC 9110
// section 14.2 lets a server ignore every other form.
const RANGE = /^bytes=(\d+)-(\d*)$/;

function partOfBlob(digest: Digest, bytes: Uint8Array, range: string): Reply {
  const match = RANGE.exec(range);
  if (match === null) return wholeBlob(digest, bytes);
  const start = Number(match[1]);
  const end = Math.min(match[2] ? Number(match[2]) + 1 : bytes.length, bytes.length);
  if (start >= end) {
    return {
      ...refusal(416, "SIZE_INVALID", "range not satisfiable"),
      headers: { "content-range": `bytes */${bytes.length}` },
    };
  }
  return {
    status: 206,
    headers: { ...blobHeaders(digest), "content-range": `bytes ${start}-${end - 1}/${bytes.length}` },
    body: bytes.subarray(start, end),
  };
}

function blobHeaders(digest: Digest): Record<string, string> {
  return { "content-type": "application/octet-stream", "docker-content-digest": digest, "accept-ranges": "bytes" };
}
