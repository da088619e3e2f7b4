import type { Call, Middleware } from "./call.js";
import { jsonReply, type Reply } from "./reply.js";

/** What a registry refuses to store, and how it says so. */
export interface PushRefusal {
  /** Where it refuses; by default, in all repositories. */
  readonly repository?: string;
  /** What it refuses: blobs, all manifests, or manifests with a tag. */
  readonly of: "blobs" | "manifests" | "tags" | "mediaType";
  /** With `of: "mediaType"`, the media type of the manifests it refuses. */
  readonly mediaType?: string;
  readonly status: number;
  /** Without it, the words are the whole body, as plain text. */
  readonly code?: string;
  readonly words: string;
}

/** How registries refuse what is pushed. */
export const PUSH_QUIRKS = {
  /** Refusals of some pushes, in a registry's own words: Harbor's quota, ECR's immutable tags, a missing project. */
  refuses:
    (refusals: readonly PushRefusal[]): Middleware =>
    async (call, next) => {
      const refusal = refusals.find((candidate) => isRefused(call, candidate));
      return refusal === undefined ? await next(call) : replyOf(refusal);
    },

  /** 405 for all that writes: distribution that is set to be read-only, or caches another registry. */
  takesNothing:
    (_on: true): Middleware =>
    async (call, next) =>
      call.method === "GET" || call.method === "HEAD"
        ? await next(call)
        : jsonReply(405, { errors: [{ code: "UNSUPPORTED", message: "The operation is unsupported." }] }),

  /** 405 for PATCH, and 411 for a PUT of unstated length: ECR, Artifact Registry. */
  uploadsByPutOnly:
    (_on: true): Middleware =>
    async (call, next) => {
      if (call.endpoint.kind !== "upload") return await next(call);
      if (call.method === "PATCH") return textReply(405, "chunked uploads are not supported");
      const isStated = call.headers["content-length"] !== undefined;
      return call.method === "PUT" && !isStated ? textReply(411, "Length Required") : await next(call);
    },

  /** 416 for a PATCH of more bytes than this: GHCR, with 4 MiB. */
  patchLimit:
    (bytes: number): Middleware =>
    async (call, next) => {
      const length = Number(call.headers["content-length"] ?? Number.POSITIVE_INFINITY);
      const isTooLong = call.method === "PATCH" && length > bytes;
      return isTooLong ? textReply(416, "Requested Range Not Satisfiable") : await next(call);
    },

  /** 400 for a mount that names no repository to mount from: Quay. */
  mountWantsFrom:
    (_on: true): Middleware =>
    async (call, next) => {
      const { searchParams } = call.url;
      const isWrong = searchParams.has("mount") && !searchParams.has("from");
      return isWrong ? textReply(400, "mount without from") : await next(call);
    },
};

function isRefused({ method, endpoint, headers }: Call, refusal: PushRefusal): boolean {
  if (method === "GET" || method === "HEAD" || !("repository" in endpoint)) return false;
  if (refusal.repository !== undefined && refusal.repository !== endpoint.repository) return false;
  if (refusal.of === "blobs") return endpoint.kind === "uploads" || endpoint.kind === "upload";
  if (endpoint.kind !== "manifest") return false;
  if (refusal.of === "mediaType") return headers["content-type"] === refusal.mediaType;
  return refusal.of === "manifests" || !endpoint.reference.includes(":");
}

function replyOf({ status, code, words }: PushRefusal): Reply {
  return code === undefined ? textReply(status, words) : jsonReply(status, { errors: [{ code, message: words }] });
}

function textReply(status: number, text: string): Reply {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: Buffer.from(text) };
}
