import type { Call, Middleware } from "./call.js";
import type { Reply } from "./reply.js";

/** The digests of the blobs a quirk shows at; true is all. */
export type Blobs = true | readonly string[];

/** Answers some requests in place of the handlers. */
export function firstTimes(times: number, answer: () => Reply): Middleware {
  let left = times;
  return async (call, next) => {
    if (left === 0) return await next(call);
    left -= 1;
    return answer();
  };
}

/** Changes what is answered. */
export function onReplies(change: (call: Call, reply: Reply) => Reply): Middleware {
  return async (call, next) => change(call, await next(call));
}

/** Changes manifests. */
export function onManifests(change: (reply: Reply) => Reply): Middleware {
  return onReplies((call, reply) => (isGetOf(call, "manifest") && reply.status === 200 ? change(reply) : reply));
}

/** Changes blobs, whole or in part. */
export function onBlobs(which: Blobs, change: (reply: Reply) => Reply): Middleware {
  return onReplies((call, reply) => {
    const { endpoint } = call;
    if (!isGetOf(call, "blob") || endpoint.kind !== "blob" || reply.status >= 300) return reply;
    return which === true || which.includes(endpoint.digest) ? change(reply) : reply;
  });
}

/** Whether a request changes nothing. */
export function isRead({ method }: Call): boolean {
  return method === "GET" || method === "HEAD";
}

/** Whether a request asks for the whole of something, and not for its headers only. */
export function isGetOf({ method, endpoint }: Call, kind: Call["endpoint"]["kind"]): boolean {
  return method === "GET" && endpoint.kind === kind;
}

/** The body of an answer, which may have none. */
export function bodyOf(reply: Reply): Uint8Array {
  return reply.body ?? Buffer.alloc(0);
}

/** The first half of an answer that states its whole length. */
export function halfOf(reply: Reply, thenInstead: "cut" | "stall" | "drip"): Reply {
  const whole = bodyOf(reply);
  return { ...reply, body: whole.subarray(0, whole.length >> 1), length: whole.length, thenInstead };
}

/** The same bytes but for one bit in the middle. */
export function flipped(bytes: Uint8Array): Uint8Array {
  const changed = Buffer.from(bytes);
  changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1;
  return changed;
}

/** An answer that says that it is HTML. */
export function htmlOf(reply: Reply): Reply {
  return withHeaders(reply, { "content-type": "text/html" });
}

/** An answer with other headers; what is undefined is left out. */
export function withHeaders(reply: Reply, changes: Readonly<Record<string, string | undefined>>): Reply {
  const headers = Object.entries({ ...reply.headers, ...changes });
  return {
    ...reply,
    headers: Object.fromEntries(headers.filter((entry): entry is [string, string] => entry[1] !== undefined)),
  };
}
