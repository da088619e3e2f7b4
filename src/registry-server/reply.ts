import type { ServerResponse } from "node:http";

/** An answer to a request, before it is put on the wire. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** The Content-Length to state in bytes; by default the body's. `unstated` sends the body in chunks. */
  readonly length?: number | "unstated";
  /** What to do instead of ending the answer after its body: cut the connection, say nothing more, or a byte now and then. */
  readonly thenInstead?: "cut" | "stall" | "drip";
}

/** The error codes this server uses: those of spec.md, "Error Codes", and distribution's own UNAVAILABLE. */
export type RegistryErrorCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "TOOMANYREQUESTS"
  | "UNAUTHORIZED"
  | "UNAVAILABLE"
  | "UNSUPPORTED";

/** A JSON answer. */
export function jsonReply(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** An error answer in the form of the distribution specification. */
export function refusal(
  status: number,
  code: RegistryErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return jsonReply(status, { errors: [{ code, message }] }, headers);
}

/** Puts an answer on the wire; an answer to HEAD keeps its headers and loses its body. */
export function send(response: ServerResponse, reply: Reply, method: string | undefined): void {
  const body = reply.body ?? Buffer.alloc(0);
  const length = reply.length ?? body.length;
  response.writeHead(reply.status, {
    ...reply.headers,
    ...(length === "unstated" ? {} : { "content-length": length }),
  });
  if (method === "HEAD") response.end();
  else if (reply.thenInstead === "cut") response.write(body, () => response.destroy());
  else if (reply.thenInstead === "stall") response.write(body);
  else if (reply.thenInstead === "drip") drip(response, body);
  else response.end(body);
}

// Often enough that no wait for a single byte is too long.
const DRIP_INTERVAL_MS = 20;

function drip(response: ServerResponse, body: Uint8Array): void {
  response.write(body);
  const dripping = setInterval(() => response.write(" "), DRIP_INTERVAL_MS);
  response.once("close", () => clearInterval(dripping));
}
