import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { type Endpoint, parseEndpoint } from "./endpoint.js";
import type { Reply } from "./reply.js";

/** A request, as handlers and quirks see it. */
export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly endpoint: Endpoint;
  /** The body, or undefined if it is longer than `limit` bytes. */
  readBody(limit?: number): Promise<Buffer | undefined>;
}

/** Answers a request. */
export type Handler = (call: Call) => Promise<Reply>;

/** Stands between the wire and the handlers, and may change what is asked or answered. */
export type Middleware = (call: Call, next: Handler) => Promise<Reply>;

/** Reads a request's first line and headers. */
export function callOf(request: IncomingMessage, host: string): Call {
  const url = new URL(request.url ?? "/", `http://${host}`);
  return {
    method: request.method ?? "GET",
    url,
    headers: request.headers,
    endpoint: parseEndpoint(url.pathname),
    readBody: (limit) => readBody(request, limit),
  };
}

async function readBody(request: IncomingMessage, limit = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  // A request that is destroyed takes its connection, and so the answer, with it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
