import type { Call, Middleware } from "./call.js";
import { type Reply, refusal } from "./reply.js";

/** A user of a registry that wants credentials. */
export interface User {
  readonly username: string;
  readonly password: string;
}

/** Lets requests through that carry the user's name and password. */
export function basicAccess(user: User): Middleware {
  return async (call, next) =>
    isUser(call, user) ? await next(call) : unauthorized({ "www-authenticate": 'Basic realm="registry"' });
}

/** Whether a request carries the user's name and password. */
export function isUser({ headers }: Call, { username, password }: User): boolean {
  return headers.authorization === `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** 401, with a challenge if `headers` hold one. */
export function unauthorized(headers: Record<string, string> = {}): Reply {
  return refusal(401, "UNAUTHORIZED", "authentication required", headers);
}
