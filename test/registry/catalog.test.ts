import { describe, expect, test } from "vitest";
import type { Quirks } from "../../src/registry-server/index.js";
import { MANIFEST } from "./fixture.js";
import { client, given, registry } from "./stage.js";

const NAMES = ["app", "b", "library/c", "team/a/b"];

async function givenCatalog(quirks: Quirks = {}): Promise<void> {
  await given(quirks);
  for (const name of NAMES) registry.storage.putManifest(name, "1", MANIFEST.descriptor.mediaType, MANIFEST.bytes);
}

async function repositories(): Promise<string[]> {
  const names: string[] = [];
  for await (const name of client.catalog(registry.host).repositories()) names.push(name);
  return names;
}

describe("listing repositories", () => {
  test("asks once where all fit on a page", async () => {
    await givenCatalog();
    expect(await repositories()).toEqual(NAMES);
    expect(registry.requestLines()).toEqual(["GET /v2/_catalog?n=1000 200"]);
  });

  test("distribution 3: follows the Link of a registry that gives fewer than were asked for", async () => {
    await givenCatalog({ catalogPerPage: 3 });
    expect(await repositories()).toEqual(NAMES);
    expect(registry.requestLines()).toEqual(["GET /v2/_catalog?n=1000 200", "GET /v2/_catalog?n=3&last=library/c 200"]);
  });

  test("asks for the right to it where tokens give it", async () => {
    await givenCatalog({ tokenAccess: {} });
    expect(await repositories()).toEqual(NAMES);
    expect(registry.requestLines().some((line) => line.includes("scope=registry%3Acatalog%3A*"))).toBe(true);
  });

  test.each([
    ["Nexus: null for none", { catalog: "empty" }, []],
    ["names that are none, which its reader looks at", { catalogList: ["../x", null, "a"] }, ["../x", "a"]],
  ] as const)("%s", async (_what, quirks, names) => {
    await givenCatalog(quirks);
    expect(await repositories()).toEqual(names);
  });

  test.each([
    ["missing", "NOT_FOUND"],
    ["unauthorized", "UNAUTHORIZED"],
    ["denied", "DENIED"],
  ] as const)("a registry whose list is %s says %s, and the hint is to name repositories", async (catalog, code) => {
    await givenCatalog({ catalog });
    const hint = expect.stringContaining(`name its repositories: ${registry.host}/REPOSITORY`) as string;
    await expect(repositories()).rejects.toMatchObject({ code, hint });
  });

  test("what is no list is REGISTRY_PROTOCOL", async () => {
    await givenCatalog({ catalogList: { app: true } });
    await expect(repositories()).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });
});
