import { basicAccess } from "./access.js";
import type { Handler, Middleware } from "./call.js";
import { LIMIT_QUIRKS } from "./limit-quirks.js";
import {
  type Blobs,
  bodyOf,
  firstTimes,
  flipped,
  halfOf,
  htmlOf,
  isGetOf,
  isRead,
  onBlobs,
  onManifests,
  onReplies,
  withHeaders,
} from "./middleware.js";
import { PULL_QUIRKS } from "./pull-quirks.js";
import { PUSH_QUIRKS } from "./push-quirks.js";
import { REFERRER_QUIRKS } from "./referrer-quirks.js";
import { type Reply, refusal } from "./reply.js";
import { TAG_QUIRKS } from "./tag-quirks.js";
import { tokenAccess, tokenAnswer } from "./token-access.js";
import { TRANSFER_QUIRKS } from "./transfer-quirks.js";

/**
 * Every way in which this server can misbehave, or want more than a bare
 * registry does, as some real registry or attacker does. The first stands
 * nearest to the wire.
 */
const QUIRKS = {
  /** The body of every error answer: a proxy's HTML page, a flood, bytes that are no JSON. */
  errorBody: (body: string) =>
    onReplies((_call, reply) => (reply.status < 400 ? reply : { ...htmlOf(reply), body: Buffer.from(body) })),

  /** No answer, ever, to a GET of a manifest: a load balancer whose registry hangs. */
  silent:
    (_on: true): Middleware =>
    async (call, next) =>
      isGetOf(call, "manifest") ? await new Promise<Reply>(() => {}) : await next(call),

  /** 503 for this many requests: a registry that restarts. */
  unavailable: (times: number) => firstTimes(times, () => refusal(503, "UNAVAILABLE", "the registry is starting")),

  ...LIMIT_QUIRKS,

  // omitsChallenge stands before those that make the challenge.
  ...PULL_QUIRKS,

  /** Name and password with every request: distribution's htpasswd, Nexus, ECR. */
  basicAccess,

  /** Something else than a token from the token endpoint. */
  tokenAnswer,

  /** A token from an endpoint with every request: Docker Hub, GHCR, Harbor, Azure, most others. */
  tokenAccess,

  /** 403 for everything that writes: a read-only mirror, a full quota. */
  refusesPushes:
    (_on: true): Middleware =>
    async (call, next) =>
      isRead(call) ? await next(call) : refusal(403, "DENIED", "requested access to the resource is denied"),

  /** 413 and a cut connection before an upload was read: nginx with a small client_max_body_size. */
  refusesLargeUploads:
    (_on: true): Middleware =>
    async (call, next) =>
      call.endpoint.kind === "upload" && call.method === "PUT"
        ? { ...refusal(413, "SIZE_INVALID", "request entity too large", { connection: "close" }), thenInstead: "cut" }
        : await next(call),

  /** 201 for an upload before it was read: an attacker who wants the sender's checks left out. */
  acceptsUnread:
    (_on: true): Middleware =>
    async (call, next) =>
      call.endpoint.kind === "upload" && call.method === "PUT" ? { status: 201 } : await next(call),

  /** 405 for a PUT of an upload that has a body: a registry that takes bytes by PATCH only. */
  uploadsByPatchOnly:
    (_on: true): Middleware =>
    async (call, next) =>
      call.endpoint.kind === "upload" && call.method === "PUT" && call.headers["content-length"] !== "0"
        ? refusal(405, "UNSUPPORTED", "send the blob by PATCH")
        : await next(call),

  /** A mount that opens an upload (Docker Hub across registries), or is refused (ECR, unless it is enabled). */
  mount:
    (how: "opens-upload" | "refused"): Middleware =>
    async (call, next) => {
      if (!call.url.searchParams.has("mount")) return await next(call);
      if (how === "refused") return refusal(405, "UNSUPPORTED", "mounting is disabled");
      return await next({ ...call, url: new URL(call.url.pathname, call.url) });
    },

  ...TRANSFER_QUIRKS,
  ...PUSH_QUIRKS,
  ...REFERRER_QUIRKS,

  ...TAG_QUIRKS,

  /** 405 for HEAD of a manifest: small static registries. */
  refusesHead:
    (_on: true): Middleware =>
    async (call, next) =>
      call.method === "HEAD" && call.endpoint.kind === "manifest"
        ? refusal(405, "UNSUPPORTED", "HEAD is not supported")
        : await next(call),

  /** No Docker-Content-Digest, which the distribution specification leaves optional: ECR, for tags. */
  omitsDigest: (_on: true) => onReplies((_call, reply) => withHeaders(reply, { "docker-content-digest": undefined })),

  /** Another Docker-Content-Digest than the bytes have: a registry that rewrites manifests, a confused mirror. */
  wrongDigest: (digest: string) =>
    onReplies((_call, reply) =>
      reply.headers?.["docker-content-digest"] ? withHeaders(reply, { "docker-content-digest": digest }) : reply,
    ),

  /** Another Content-Type for manifests than they were pushed with: the confusion of CVE-2021-41190. */
  manifestType: (mediaType: string) => onManifests((reply) => withHeaders(reply, { "content-type": mediaType })),

  /** Other bytes in manifests than their digest promises: an attacker, a rotten disk. */
  wrongManifestBytes: (_on: true) => onManifests((reply) => ({ ...reply, body: flipped(bodyOf(reply)) })),

  /** More bytes in manifests than their size promises, and no end to them within reason. */
  endlessManifest: (_on: true) =>
    onManifests((reply) => ({ ...reply, body: Buffer.alloc(64 * 1024 * 1024), length: "unstated" })),

  /** 307 for blobs, to the same path at another origin: distribution with S3, Azure, Quay. */
  redirectsBlobs:
    (origin: string): Middleware =>
    async (call, next) =>
      isGetOf(call, "blob")
        ? { status: 307, headers: { location: new URL(call.url.pathname, origin).href } }
        : await next(call),

  /** 404 for blobs that manifests refer to: a registry after a bad garbage collection. */
  missingBlobs: (which: Blobs) => onBlobs(which, () => refusal(404, "BLOB_UNKNOWN", "blob unknown to registry")),

  /** Blobs with a changed byte and the right length: an attacker, a rotten disk. */
  wrongBlobBytes: (which: Blobs) => onBlobs(which, (reply) => ({ ...reply, body: flipped(bodyOf(reply)) })),

  /** Half of each blob, then a cut connection: a proxy with a short timeout. */
  cutBlobs: (which: Blobs) => onBlobs(which, (reply) => halfOf(reply, "cut")),

  /** Half of each blob, then silence: a lost link. */
  stalledBlobs: (which: Blobs) => onBlobs(which, (reply) => halfOf(reply, "stall")),

  /** Blobs without a stated length and with bytes behind their end: an attacker. */
  longBlobs: (which: Blobs) =>
    onBlobs(which, (reply) => ({
      ...reply,
      body: Buffer.concat([bodyOf(reply), Buffer.from("more")]),
      length: "unstated",
    })),

  /** Blobs without a stated length and without a byte: a cache that lost its file. */
  emptyBlobs: (which: Blobs) => onBlobs(which, (reply) => ({ ...reply, body: Buffer.alloc(0), length: "unstated" })),

  /** Blobs with a Content-Length that is one too large. */
  wrongBlobLength: (which: Blobs) => onBlobs(which, (reply) => ({ ...reply, length: bodyOf(reply).length + 1 })),
} as const;

type QuirkName = keyof typeof QUIRKS;

/** Which quirks a server has, and how they are set. */
export type Quirks = { readonly [Name in QuirkName]?: Parameters<(typeof QUIRKS)[Name]>[0] };

/** Puts quirks before a handler. */
export function withQuirks(handler: Handler, quirks: Quirks): Handler {
  const names = (Object.keys(QUIRKS) as QuirkName[]).filter((name) => quirks[name] !== undefined);
  return names.reduceRight<Handler>((next, name) => {
    const middleware = (QUIRKS[name] as (setting: unknown) => Middleware)(quirks[name]);
    return (call) => middleware(call, next);
  }, handler);
}
