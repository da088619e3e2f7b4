import type { Call, Middleware } from "./call.js";
import { isGetOf, withHeaders } from "./middleware.js";
import { jsonReply, type Reply, refusal } from "./reply.js";

/** How registries differ, or attack, in how they list tags and repositories. */
export const TAG_QUIRKS = {
  /** No list of repositories: most registries for whom they do not know, and some for everybody. */
  catalog: (how: "missing" | "unauthorized" | "denied" | "empty") =>
    onLists("catalog", async () => {
      if (how === "missing") return refusal(404, "UNSUPPORTED", "there is no catalog here");
      if (how === "unauthorized") return refusal(401, "UNAUTHORIZED", "authentication required");
      if (how === "denied") return refusal(403, "DENIED", "only administrators may list repositories");
      // Nexus.
      return jsonReply(200, { repositories: null });
    }),

  /** This in the place of the list of repositories: names that are none, what is no list. */
  catalogList: (repositories: unknown) => onLists("catalog", async () => jsonReply(200, { repositories })),

  /** At most this many repositories at a time: distribution 3 gives 1000, whatever is asked for. */
  catalogPerPage: (most: number) => onLists("catalog", (call, next) => next(withLimit(call, most))),

  /** At most this many tags at a time, whatever is asked for: distribution 3, ECR. */
  tagsPerPage: (most: number) => onTags((call, next) => next(withLimit(call, most))),

  /** All tags at once, whatever is asked for: distribution 2.8. */
  ignoresTagLimit: (_on: true) =>
    onTags(async (call, next) => await next({ ...call, url: new URL(call.url.pathname, call.url) })),

  /** This in the place of the list: `null` for an empty one (Nexus), names that are no tags, what is no list. */
  tagList: (tags: unknown) => onTags(async () => jsonReply(200, { tags })),

  /** An HTML page in the place of the list: a proxy that wants a login. */
  tagsHtml: (_on: true) =>
    onTags(async () => ({ status: 200, headers: { "content-type": "text/html" }, body: Buffer.from("<html></html>") })),

  /** The Link to the next page is this, on the last one, too: a circle, or a way to somebody else. */
  tagLink: (link: string) => onTags(async (call, next) => withHeaders(await next(call), { link })),

  /** Pages of one tag, of none, or of one name of 15 MiB, without an end: an attacker. */
  endlessTags: (what: "tags" | "nothing" | "long names") =>
    onTags(async ({ url }) => {
      const page = Number(url.searchParams.get("page") ?? 0);
      const name = `t${page}`.padEnd(what === "long names" ? 15 * 1024 * 1024 : 0, "-");
      const next = `<${url.pathname}?page=${page + 1}>; rel="next"`;
      return jsonReply(200, { tags: what === "nothing" ? [] : [name] }, { link: next });
    }),

  /** A list of this many tags on one page: a repository without anybody who cleans it up, or an attacker. */
  manyTags: (count: number) =>
    onTags(async () => jsonReply(200, { tags: Array.from({ length: count }, (_, number) => `t${number}`) })),
};

type Answer = (call: Call, next: (call: Call) => Promise<Reply>) => Promise<Reply>;

function onTags(answer: Answer): Middleware {
  return onLists("tags", answer);
}

function onLists(kind: "tags" | "catalog", answer: Answer): Middleware {
  return async (call, next) => (isGetOf(call, kind) ? await answer(call, next) : await next(call));
}

function withLimit(call: Call, most: number): Call {
  const url = new URL(call.url);
  url.searchParams.set("n", String(Math.min(most, Number(url.searchParams.get("n") ?? most))));
  return { ...call, url };
}
