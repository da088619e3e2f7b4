import { describe, expect, test } from "vitest";
import type { CredentialLookup, RegistryRepository } from "../../src/registry/index.js";
import { type Quirks, startRegistry } from "../../src/registry-server/index.js";
import { containing, MANIFEST } from "./fixture.js";
import { client, givenLogin, registry } from "./stage.js";

const TAGS = ["1", "a", "b", "c", "d"];

async function given(quirks: Quirks = {}, credentials?: CredentialLookup): Promise<RegistryRepository> {
  const app = await givenLogin(quirks, credentials);
  for (const tag of TAGS) registry.storage.putManifest("app", tag, MANIFEST.descriptor.mediaType, MANIFEST.bytes);
  return app;
}

async function tagsOf(repository: RegistryRepository): Promise<string[]> {
  const tags: string[] = [];
  for await (const tag of repository.tags()) tags.push(tag);
  return tags;
}

describe("listing tags", () => {
  test("asks once where all fit on a page", async () => {
    expect(await tagsOf(await given())).toEqual(TAGS);
    expect(registry.requestLines()).toEqual(["GET /v2/app/tags/list?n=1000 200"]);
    expect(registry.requests[0]?.headers.accept).toBe("application/json");
  });

  test("distribution 3, ECR: follows the Link of a registry that gives fewer than were asked for", async () => {
    expect(await tagsOf(await given({ tagsPerPage: 2 }))).toEqual(TAGS);
    expect(registry.requestLines()).toEqual([
      "GET /v2/app/tags/list?n=1000 200",
      "GET /v2/app/tags/list?n=2&last=a 200",
      "GET /v2/app/tags/list?n=2&last=c 200",
    ]);
  });

  test("distribution 2.8: takes all at once where the number is ignored", async () => {
    const app = await given({ ignoresTagLimit: true });
    const many = Array.from({ length: 2500 }, (_, number) => `t${number}`);
    for (const tag of many) registry.storage.putManifest("app", tag, MANIFEST.descriptor.mediaType, MANIFEST.bytes);
    expect((await tagsOf(app)).sort()).toEqual([...TAGS, ...many].sort());
    expect(registry.requests).toHaveLength(1);
  });

  test.each([
    ["Nexus: null for none", null, []],
    ["Nexus: null for a tag that is being deleted", ["1", null, "2"], ["1", "2"]],
    ["an empty list", [], []],
    ["names that are no tags, which its reader looks at", ["../x", ""], ["../x", ""]],
  ])("%s", async (_what, tagList, tags) => {
    expect(await tagsOf(await given({ tagList }))).toEqual(tags);
  });

  test("takes an absolute Link to the registry itself", async () => {
    const app = await given();
    const next = `http://${registry.host}/v2/app/tags/list?last=b`;
    registry.restage({ tagsPerPage: 3, tagLink: `<${next}>; rel="next"` });
    const tags: string[] = [];
    for await (const tag of app.tags()) {
      tags.push(tag);
      // From here on, the quirk would lead in a circle.
      if (tag === "b") registry.restage();
    }
    expect(tags).toEqual(TAGS);
    expect(registry.requestLines()).toEqual(["GET /v2/app/tags/list?last=b 200"]);
  });

  test("an unknown repository is NOT_FOUND", async () => {
    await given();
    await expect(tagsOf(client.repository(registry.host, "gone"))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: containing(`expected the tags of ${registry.host}/gone, got 404`),
      hint: "check the name of the repository; one that nothing was pushed to is not there for some registries",
    });
  });

  test("a page is asked for again where its registry was not ready", async () => {
    expect(await tagsOf(await given({ unavailable: 1 }))).toEqual(TAGS);
    expect(registry.requestLines()).toEqual(["GET /v2/app/tags/list?n=1000 503", "GET /v2/app/tags/list?n=1000 200"]);
  });

  test("ends when the signal does", async () => {
    const app = await given({ tagsPerPage: 1 });
    const stop = new AbortController();
    const reason = new Error("enough");
    const listing = (async () => {
      for await (const tag of app.tags({ signal: stop.signal })) if (tag === "a") stop.abort(reason);
    })();
    await expect(listing).rejects.toBe(reason);
    expect(registry.requests.length).toBeLessThan(TAGS.length);
  });
});

describe("hostile: a registry", () => {
  test("whose Links lead in a circle is left at once", async () => {
    const app = await given({ tagLink: '</v2/app/tags/list?n=1000>; rel="next"' });
    await expect(tagsOf(app)).rejects.toMatchObject({
      code: "REGISTRY_PROTOCOL",
      message: containing("got a page again that was there before"),
    });
    expect(registry.requests).toHaveLength(1);
  });

  test("whose Link leads elsewhere is not followed there", async () => {
    await using other = await startRegistry();
    const user = { username: "ann", password: "secret" };
    const tagLink = `<http://${other.host}/v2/app/tags/list>; rel="next"`;
    const app = await given({ tagLink, basicAccess: user }, async () => user);
    await expect(tagsOf(app)).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
    expect(registry.requestLines().at(-1)).toBe("GET /v2/app/tags/list?n=1000 200");
    expect(other.requests).toEqual([]);
  });

  test("that never comes to an end is left, however little it says", async () => {
    const app = await given({ endlessTags: "nothing" });
    await expect(tagsOf(app)).rejects.toMatchObject({
      code: "REGISTRY_PROTOCOL",
      message: containing("got more than 10 empty pages in a row"),
    });
    expect(registry.requests).toHaveLength(11);
  });

  test("with more tags than there can be is left", async () => {
    const app = await given({ manyTags: 1_000_001 });
    await expect(tagsOf(app)).rejects.toMatchObject({
      code: "REGISTRY_PROTOCOL",
      message: containing("got more than 1000000"),
    });
  });

  test("with names that are no tags, and together larger than memory should hold, is left", async () => {
    const app = await given({ endlessTags: "long names" });
    await expect(tagsOf(app)).rejects.toMatchObject({
      code: "REGISTRY_PROTOCOL",
      message: containing("got more than 134217728 bytes"),
    });
    expect(registry.requests).toHaveLength(9);
  });

  test("with a page that is larger than memory should hold is left", async () => {
    const app = await given({ tagList: "x".repeat(16 * 1024 * 1024) });
    await expect(tagsOf(app)).rejects.toMatchObject({
      code: "REGISTRY_PROTOCOL",
      message: containing("got a page of more than 16777216 bytes"),
    });
  });

  test.each<[string, Quirks]>([
    ["a page for people", { tagsHtml: true }],
    ["what is no list", { tagList: "all" }],
    ["numbers", { tagList: [1, 2] }],
  ])("with %s in the place of tags is REGISTRY_PROTOCOL", async (_what, quirks) => {
    await expect(tagsOf(await given(quirks))).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });
});
