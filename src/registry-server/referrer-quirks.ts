import { type Descriptor, MEDIA_TYPE } from "../oci/index.js";
import type { Call, Middleware } from "./call.js";
import { withHeaders } from "./middleware.js";
import { jsonReply, type Reply, refusal } from "./reply.js";

/** How registries differ, or attack, in what they say of referrers. */
export const REFERRER_QUIRKS = {
  /** No referrers API, and no OCI-Subject: distribution 2.8 and 3, GHCR, Nexus. */
  noReferrersApi:
    (_on: true): Middleware =>
    async (call, next) => {
      if (isReferrers(call)) return { status: 404, headers: { "content-type": "text/plain" }, body: PAGE_NOT_FOUND };
      return withoutSubject(await next(call));
    },

  /** No referrers API, though a PUT is answered with OCI-Subject: a proxy that hides the endpoint. */
  claimsReferrersApi:
    (_on: true): Middleware =>
    async (call, next) =>
      isReferrers(call) ? refusal(404, "UNSUPPORTED", "no such endpoint") : await next(call),

  /** An HTML page in place of the list: Artifact Registry, before it had one. */
  referrersHtml:
    (_on: true): Middleware =>
    async (call, next) =>
      isReferrers(call)
        ? { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: Buffer.from("<html></html>") }
        : withoutSubject(await next(call)),

  /** The list in pages of this many, with Link headers. */
  referrersPerPage:
    (size: number): Middleware =>
    async (call, next) =>
      isReferrers(call) ? pageOf(await next(call), call.url, size) : await next(call),

  /** A Link header with this target on every page: to another host, or without an end. */
  referrersNextPage:
    (target: string): Middleware =>
    async (call, next) => {
      const reply = await next(call);
      return isReferrers(call) ? withHeaders(reply, { link: `<${target}>; rel="next"` }) : reply;
    },

  /** These descriptors in the list, whatever is asked for: a hostile registry, or a forgotten deletion. */
  listsAsReferrers:
    (manifests: readonly Descriptor[]): Middleware =>
    async (call, next) =>
      isReferrers(call) ? indexReply(manifests) : await next(call),

  /** 403 in place of every 404 for manifests, and for the list: registries that hide what is absent. */
  refusesAbsent:
    (_on: true): Middleware =>
    async (call, next) => {
      const reply = await next(call);
      const isAbsent = call.endpoint.kind === "manifest" && reply.status === 404;
      return isAbsent || isReferrers(call)
        ? refusal(403, "DENIED", "requested access to the resource is denied")
        : reply;
    },

  /** 429 for the list, for ever: a limit that is used up in the middle. */
  limitsReferrers:
    (_on: true): Middleware =>
    async (call, next) =>
      isReferrers(call) ? refusal(429, "TOOMANYREQUESTS", "rate limit reached") : await next(call),

  /** 403 for putting tags that match: immutable tags, or a rule on their names. */
  refusesTags:
    (pattern: RegExp): Middleware =>
    async (call, next) =>
      call.method === "PUT" && call.endpoint.kind === "manifest" && pattern.test(call.endpoint.reference)
        ? refusal(403, "DENIED", "the tag is immutable")
        : await next(call),
} as const;

const PAGE_NOT_FOUND = Buffer.from("404 page not found\n");

function isReferrers({ endpoint }: Call): boolean {
  return endpoint.kind === "referrers";
}

function withoutSubject(reply: Reply): Reply {
  return withHeaders(reply, { "oci-subject": undefined });
}

function indexReply(manifests: readonly Descriptor[]): Reply {
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests };
  return jsonReply(200, index, { "content-type": MEDIA_TYPE.ociIndex });
}

function pageOf(reply: Reply, url: URL, size: number): Reply {
  const { manifests } = JSON.parse(Buffer.from(reply.body ?? []).toString()) as { manifests: Descriptor[] };
  const start = Number(url.searchParams.get("start") ?? 0);
  const page = indexReply(manifests.slice(start, start + size));
  if (start + size >= manifests.length) return page;
  return withHeaders(page, { link: `<${url.pathname}?start=${start + size}>; rel="next"` });
}
