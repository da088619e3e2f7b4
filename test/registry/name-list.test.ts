import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import type { Answer } from "../../src/registry/http.js";
import { type ListServer, listNames } from "../../src/registry/name-list.js";
import { failureOf } from "../support/errors.js";

const ORIGIN = "https://reg.internal";

/** Lists the names that pages give; each request takes the next page, with a Link to `next`. */
async function listed(pages: readonly { readonly names: readonly string[]; readonly next?: string }[]) {
  const asked: string[] = [];
  const server = {
    host: { origin: ORIGIN },
    retry: async (attempt: () => Promise<unknown>) => await attempt(),
    requestOnce: async ({ url }: { url: URL }): Promise<Answer> => {
      const page = pages[asked.length];
      asked.push(url.href);
      const link = page?.next === undefined ? undefined : `<${page.next}>; rel="next"`;
      return {
        status: 200,
        url,
        body: Readable.from([Buffer.from(JSON.stringify({ tags: page?.names ?? [] }))]),
        patience: 1000,
        header: (name) => (name === "link" ? link : undefined),
        failure: (cause) => cause,
        discard: () => undefined,
      };
    },
  } as unknown as ListServer;
  const names: string[] = [];
  const list = { url: new URL("/list", ORIGIN), member: "tags", wanted: "the tags of app" } as const;
  const listing = (async () => {
    for await (const name of listNames(server, list)) names.push(name);
  })();
  return { listing, names, asked };
}

const EMPTY = { names: [] };

describe("hostile: pages of a list", () => {
  test("that are empty and lead to themselves are left at once", async () => {
    const { listing, asked } = await listed([{ ...EMPTY, next: "/list?n=1000" }]);
    expect((await failureOf(() => listing)).message).toContain("got a page again that was there before");
    expect(asked).toHaveLength(1);
  });

  test("that are empty and lead in a wider circle are left after one round", async () => {
    const pages = ["/list?b", "/list?c", "/list?b"].map((next) => ({ ...EMPTY, next }));
    const { listing, asked } = await listed(pages);
    expect((await failureOf(() => listing)).code).toBe("REGISTRY_PROTOCOL");
    expect(asked).toHaveLength(3);
  });

  test("with new names that lead back to one that was there are left", async () => {
    const { listing, asked } = await listed([
      { names: ["a"], next: "/list?b" },
      { names: ["b"], next: "/list?b" },
    ]);
    expect((await failureOf(() => listing)).message).toContain("got a page again that was there before");
    expect(asked).toHaveLength(2);
  });

  test("that are empty are read on ten times in a row, and no more", async () => {
    const empty = (count: number, from: number) =>
      Array.from({ length: count }, (_, at) => ({ ...EMPTY, next: `/list?${from + at}` }));
    const good = await listed([...empty(10, 0), { names: ["a"], next: "/list?a" }, ...empty(10, 20), { names: ["b"] }]);
    await good.listing;
    expect(good.names).toEqual(["a", "b"]);
    const { listing, asked } = await listed(empty(20, 0));
    expect((await failureOf(() => listing)).message).toContain("more than 10 empty pages in a row");
    expect(asked).toHaveLength(11);
  });
});
