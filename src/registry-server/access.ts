import type { Call, Middleware } from "./call.js";
import { jsonReply, type Reply, refusal } from "./reply.js";

/** A user of a registry that wants credentials. */
export interface User {
  readonly username: string;
  readonly password: string;
}

/** How a registry with a token endpoint behaves. */
export interface TokenAccess {
  /** Whom the endpoint gives tokens; everybody, if nobody is named. */
  readonly user?: User;
  /** For how many requests a token is good; without limit by default. */
  readonly uses?: number;
  /** The realm the challenge states, in place of this server's own token endpoint. */
  readonly realm?: string;
  /** The member of the endpoint's answer that holds the token: `access_token` at Azure, `token` elsewhere. */
  readonly member?: "token" | "access_token";
}

/** Lets requests through that carry the user's name and password. */
export function basicAccess(user: User): Middleware {
  return async (call, next) =>
    isUser(call, user) ? await next(call) : unauthorized({ "www-authenticate": 'Basic realm="registry"' });
}

/**
 * Lets requests through that carry a token for what they do, and gives tokens
 * at /token (https://distribution.github.io/distribution/spec/auth/token/).
 */
export function tokenAccess({ user, uses, realm, member = "token" }: TokenAccess): Middleware {
  const tokens = new Map<string, { readonly granted: ReadonlySet<string>; usesLeft: number }>();
  let issued = 0;

  function issue({ url }: Call): Reply {
    issued += 1;
    const token = `token-${issued}`;
    const granted = url.searchParams
      .getAll("scope")
      .flatMap((scope) => scope.split(" "))
      .flatMap(actionsOf);
    tokens.set(token, { granted: new Set(granted), usesLeft: uses ?? Number.POSITIVE_INFINITY });
    return jsonReply(200, { [member]: token, expires_in: 300 });
  }

  function isGranted(call: Call): boolean {
    const token = tokens.get(call.headers.authorization?.replace(/^Bearer /, "") ?? "");
    if (token === undefined || token.usesLeft === 0) return false;
    if (
      !scopesOf(call)
        .flatMap(actionsOf)
        .every((action) => token.granted.has(action))
    )
      return false;
    token.usesLeft -= 1;
    return true;
  }

  return async (call, next) => {
    if (call.url.pathname === "/token") return user && !isUser(call, user) ? unauthorized() : issue(call);
    if (isGranted(call)) return await next(call);
    const scopes = scopesOf(call).map((scope) => `,scope="${scope}"`);
    const challenge = `Bearer realm="${realm ?? `http://${call.url.host}/token`}",service="${call.url.host}"${scopes.join("")}`;
    return unauthorized({ "www-authenticate": challenge });
  };
}

function isUser({ headers }: Call, { username, password }: User): boolean {
  return headers.authorization === `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function unauthorized(headers: Record<string, string> = {}): Reply {
  return refusal(401, "UNAUTHORIZED", "authentication required", headers);
}

function scopesOf({ endpoint, method, url }: Call): string[] {
  if (!("repository" in endpoint)) return [];
  const actions = method === "GET" || method === "HEAD" ? "pull" : "pull,push";
  const from = url.searchParams.get("from");
  const scopes = [`repository:${endpoint.repository}:${actions}`];
  return from === null ? scopes : [...scopes, `repository:${from}:pull`];
}

/** `repository:app:pull,push` is `repository:app:pull` and `repository:app:push`. */
function actionsOf(scope: string): string[] {
  const colon = scope.lastIndexOf(":");
  return scope
    .slice(colon + 1)
    .split(",")
    .map((action) => `${scope.slice(0, colon)}:${action}`);
}
