import { isUser, type User, unauthorized } from "./access.js";
import type { Call, Middleware } from "./call.js";
import { jsonReply, type Reply } from "./reply.js";

/** How a registry with a token endpoint behaves. */
export interface TokenAccess {
  /** Whom the endpoint gives tokens; everybody, if nobody is named. */
  readonly user?: User;
  /** The identity token the endpoint takes in a POST; without it, it answers every POST with `postStatus`. */
  readonly identityToken?: string;
  /** 405 by default; 404 at GCR, 401 at JFrog, 400 at Azure. */
  readonly postStatus?: number;
  /** For how many requests a token is good; without limit by default. */
  readonly uses?: number;
  /** The realm the challenge states, in place of this server's own token endpoint. */
  readonly realm?: string;
  /** The path of this server's own token endpoint: `/token` by default, `/oauth2/token` at Azure, `/jwt/auth` at GitLab. */
  readonly path?: string;
  /** The service the challenge states; by default the server's host and port. */
  readonly service?: string;
  /** The member of the endpoint's answer that holds the token: `access_token` at Azure, `token` elsewhere. */
  readonly member?: "token" | "access_token";
  /** What the endpoint gives of what it is asked for; all by default. */
  readonly grants?: (action: string) => boolean;
  /** What requests need besides their own scope: `aws` at ECR public. */
  readonly alsoNeeds?: string;
  /** The scope the challenge of `/v2/` states: a placeholder at GHCR. */
  readonly baseScope?: string;
  /** A token that is good without the endpoint, for everything. */
  readonly registryToken?: string;
}

const DEFAULT_PATH = "/token";

interface Grant {
  readonly actions: ReadonlySet<string>;
  usesLeft: number;
}

/**
 * Lets requests through that carry a token for what they do, and gives tokens
 * at an endpoint (https://distribution.github.io/distribution/spec/auth/token/ and /oauth/).
 */
export function tokenAccess(options: TokenAccess): Middleware {
  const tokens = new Map<string, Grant>();
  const issue = (scopes: readonly string[]): string => {
    const token = `token-${tokens.size + 1}`;
    const actions = scopes.flatMap((scope) => scope.split(" ")).flatMap(actionsOf);
    const granted = actions.filter((action) => options.grants?.(action) ?? true);
    tokens.set(token, { actions: new Set(granted), usesLeft: options.uses ?? Number.POSITIVE_INFINITY });
    return token;
  };
  return async (call, next) => {
    if (call.url.pathname === (options.path ?? DEFAULT_PATH)) return await answerToken(call, options, issue);
    const token = call.headers.authorization?.replace(/^Bearer /, "");
    const fault =
      token === options.registryToken && token !== undefined ? undefined : use(token, call, tokens, options);
    return fault === undefined
      ? await next(call)
      : unauthorized({ "www-authenticate": challenge(call, options, fault) });
  };
}

type Issue = (scopes: readonly string[]) => string;

async function answerToken(call: Call, options: TokenAccess, issue: Issue): Promise<Reply> {
  const { user, identityToken, postStatus = 405, member = "token" } = options;
  if (call.method === "POST") {
    if (identityToken === undefined) return jsonReply(postStatus, { details: "no OAuth2 here" });
    const form = new URLSearchParams((await call.readBody())?.toString());
    const asked = form.get("grant_type") === "refresh_token" && form.has("client_id") && form.has("service");
    if (!asked || form.get("refresh_token") !== identityToken) return jsonReply(400, { error: "invalid_grant" });
    return jsonReply(200, { access_token: issue(form.getAll("scope")), expires_in: 300 });
  }
  if (user !== undefined && !isUser(call, user)) return unauthorized();
  return jsonReply(200, { [member]: issue(call.url.searchParams.getAll("scope")), expires_in: 300 });
}

/** Why a token is not enough, in the words of RFC 6750 section 3.1; empty if there is none. */
type Fault = "" | "invalid_token" | "insufficient_scope";

function use(
  token: string | undefined,
  call: Call,
  tokens: Map<string, Grant>,
  options: TokenAccess,
): Fault | undefined {
  if (token === undefined) return "";
  const grant = tokens.get(token);
  if (grant === undefined || grant.usesLeft === 0) return "invalid_token";
  const needed = neededScopes(call, options).flatMap(actionsOf);
  if (!needed.every((action) => grant.actions.has(action))) return "insufficient_scope";
  grant.usesLeft -= 1;
  return undefined;
}

function challenge(call: Call, { realm, baseScope, ...options }: TokenAccess, fault: Fault): string {
  const scopes = call.endpoint.kind === "base" && baseScope ? [baseScope] : neededScopes(call, options);
  const parameters = [
    ["realm", realm ?? `http://${call.url.host}${options.path ?? DEFAULT_PATH}`],
    ["service", options.service ?? call.url.host],
    ...(scopes.length === 0 ? [] : [["scope", scopes.join(" ")]]),
    ...(fault === "" ? [] : [["error", fault]]),
  ];
  return `Bearer ${parameters.map(([name = "", value = ""]) => `${name}="${value}"`).join(",")}`;
}

function neededScopes({ endpoint, method, url }: Call, { alsoNeeds }: TokenAccess): string[] {
  if (endpoint.kind === "catalog") return ["registry:catalog:*"];
  if (!("repository" in endpoint)) return [];
  const actions = method === "GET" || method === "HEAD" ? "pull" : "pull,push";
  const from = url.searchParams.get("from");
  return [
    `repository:${endpoint.repository}:${actions}`,
    ...(from === null ? [] : [`repository:${from}:pull`]),
    ...(alsoNeeds === undefined ? [] : [alsoNeeds]),
  ];
}

/** `repository:app:pull,push` is `repository:app:pull` and `repository:app:push`; `aws` is itself. */
function actionsOf(scope: string): string[] {
  const colon = scope.lastIndexOf(":");
  return scope
    .slice(colon + 1)
    .split(",")
    .map((action) => scope.slice(0, colon + 1) + action);
}

/** What a token endpoint answers, whatever it is asked. */
export interface TokenAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A token endpoint that is not itself: a proxy's page, a defect, a redirect. */
export function tokenAnswer({ status, body, headers }: TokenAnswer): Middleware {
  return async (call, next) =>
    call.url.pathname === DEFAULT_PATH
      ? { status, headers: { "content-type": "text/html", ...headers }, body: Buffer.from(body) }
      : await next(call);
}
