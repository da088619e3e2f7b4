import type { Middleware } from "./call.js";
import { firstTimes, isGetOf, onReplies, withHeaders } from "./middleware.js";
import { refusal } from "./reply.js";

/** How a registry counts pulls. */
export interface PullLimit {
  readonly limit: number;
  /** How many are left at first. */
  remaining: number;
  readonly windowSeconds: number;
  /** Whom it counts them for. */
  readonly source?: string;
  /** Told of each request, before it is counted: time that goes by, and other users. */
  readonly before?: (limit: PullLimit) => void;
}

/** How registries limit what they are asked. */
export const LIMIT_QUIRKS = {
  /** Further headers in each answer, whatever they mean. */
  headers: (headers: Readonly<Record<string, string>>) => onReplies((_call, reply) => withHeaders(reply, headers)),

  /** 429 for some requests, without a word on pulls: the limit against abuse. `retryAfter` is the header's value. */
  rateLimited: ({ times, retryAfter }: { readonly times: number; readonly retryAfter: string }) =>
    firstTimes(times, () => ({
      status: 429,
      headers: { "content-type": "text/plain", "retry-after": retryAfter },
      body: Buffer.from("Too Many Requests"),
    })),

  /** Headers that count GETs of manifests down, and 429 for all further ones: Docker Hub. */
  pullLimit:
    (stated: PullLimit): Middleware =>
    async (call, next) => {
      const state = stated;
      state.before?.(state);
      const isPull = isGetOf(call, "manifest");
      const isUsedUp = isPull && state.remaining === 0;
      const reply = isUsedUp ? refusal(429, "TOOMANYREQUESTS", USED_UP) : await next(call);
      if (isPull && !isUsedUp) state.remaining -= 1;
      if (call.endpoint.kind !== "manifest") return reply;
      return withHeaders(reply, {
        "ratelimit-limit": `${state.limit};w=${state.windowSeconds}`,
        "ratelimit-remaining": `${state.remaining};w=${state.windowSeconds}`,
        "docker-ratelimit-source": state.source,
      });
    },
};

// https://docs.docker.com/docker-hub/usage/pulls/
const USED_UP =
  "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit";
