import type { Middleware } from "./call.js";
import { type Blobs, bodyOf, flipped, halfOf, isGetOf, onBlobs, onReplies, withHeaders } from "./middleware.js";
import type { Reply } from "./reply.js";

/** How a server answers somebody who asks for the rest of a blob. */
export type RangeAnswer =
  /** With the whole, and 200: what RFC 9110 section 14.2 leaves to every server. */
  | "whole"
  /** With 416, though there is more. */
  | "refused"
  /** With 206 and the bytes that stand one further. */
  | "elsewhere"
  /** With 206 and one byte less than asked for. */
  | "shorter"
  /** With 206, and another size of the whole. */
  | "resized"
  /** With 206, and a Content-Length that is one too large. */
  | "mislabelled"
  /** With 206 and bytes of another version of the blob: a cache that mixes two. */
  | "changed";

/** How transfers go wrong, or take long. */
export const TRANSFER_QUIRKS = {
  /** Answers to requests for the rest of a blob that are of no use. */
  ranges:
    (how: RangeAnswer): Middleware =>
    async (call, next) => {
      if (how !== "whole" || call.headers.range === undefined) return partly(how, await next(call));
      const { range: _range, ...headers } = call.headers;
      return await next({ ...call, headers });
    },

  /** The first so many bytes of an answer with a blob, and then nothing: a line that is lost, so many times or always. */
  stallsAfter: ({ bytes, times = Number.POSITIVE_INFINITY }: { readonly bytes: number; readonly times?: number }) => {
    let left = times;
    return onBlobs(true, (reply) => {
      const whole = bodyOf(reply);
      if (left === 0 || whole.length <= bytes) return reply;
      left -= 1;
      return { ...reply, body: whole.subarray(0, bytes), length: whole.length, thenInstead: "stall" };
    });
  },

  /** All of each blob, without a stated length and without an end. */
  endlessBlobs: (_on: true) => onBlobs(true, (reply) => ({ ...reply, length: "unstated", thenInstead: "stall" })),

  /** Half of each blob, and then a byte now and then: somebody who wants a transfer to last for ever. */
  dripsBlobs: (which: Blobs) => onBlobs(which, (reply) => halfOf(reply, "drip")),

  /** The words of an error one by one, without an end. */
  dripsErrors: (_on: true) =>
    onReplies((_call, reply) => (reply.status < 400 ? reply : { ...reply, length: "unstated", thenInstead: "drip" })),

  /** No byte of an upload is read: a line that is lost on the way there. */
  stallsUploads:
    (_on: true): Middleware =>
    async (call, next) =>
      call.endpoint.kind === "upload" && call.method === "PUT" ? await new Promise<Reply>(() => {}) : await next(call),

  /** The answer to a PUT of an upload comes when this settles: storage that copies what it has taken. */
  commits:
    (when: Promise<void>): Middleware =>
    async (call, next) => {
      const reply = await next(call);
      if (call.endpoint.kind === "upload" && call.method === "PUT") await when;
      return reply;
    },

  /** An answer to a manifest that breaks off, as often as this. */
  cutManifests: (times: number): Middleware => {
    let left = times;
    return async (call, next) => {
      const reply = await next(call);
      if (left === 0 || !isGetOf(call, "manifest")) return reply;
      left -= 1;
      return halfOf(reply, "cut");
    };
  },
};

function partly(how: RangeAnswer, reply: Reply): Reply {
  const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(reply.headers?.["content-range"] ?? "") ?? [];
  if (reply.status !== 206 || first === undefined || last === undefined || size === undefined) return reply;
  const body = bodyOf(reply);
  const range = (from: number, to: number, of: number): Reply => ({
    ...withHeaders(reply, { "content-range": `bytes ${from}-${to}/${of}` }),
    length: "unstated",
  });
  if (how === "refused") return { status: 416, headers: { "content-range": `bytes */${size}` } };
  if (how === "elsewhere") return { ...range(Number(first) + 1, Number(last), Number(size)), body: body.subarray(1) };
  if (how === "shorter") return { ...range(Number(first), Number(last) - 1, Number(size)), body: body.subarray(0, -1) };
  if (how === "resized") return range(Number(first), Number(last), Number(size) + 1);
  if (how === "mislabelled") return { ...reply, length: body.length + 1 };
  return how === "changed" ? { ...reply, body: flipped(body) } : reply;
}
