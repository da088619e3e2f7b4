import type { Call, Middleware } from "./call.js";
import { isGetOf, withHeaders } from "./middleware.js";
import { jsonReply, type Reply } from "./reply.js";

/** How registries differ, or attack, in how they list tags. */
export const TAG_QUIRKS = {
  /** At most this many tags at a time, whatever is asked for: distribution 3, ECR. */
  tagsPerPage: (most: number) =>
    onTags(async (call, next) => {
      const url = new URL(call.url);
      url.searchParams.set("n", String(Math.min(most, Number(url.searchParams.get("n") ?? most))));
      return await next({ ...call, url });
    }),

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

function onTags(answer: (call: Call, next: (call: Call) => Promise<Reply>) => Promise<Reply>): Middleware {
  return async (call, next) => (isGetOf(call, "tags") ? await answer(call, next) : await next(call));
}
