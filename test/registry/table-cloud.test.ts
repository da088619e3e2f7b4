import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type RegistryKind, RowStage } from "./row-stage.js";

// The rows of docs/registries.md for registries that are somebody else's: each
// with all its known peculiarities switched on.

let stage: RowStage;

beforeEach(async () => {
  stage = await RowStage.create();
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

/** The request lines without what comes before the path, and without the query. */
function pathsOf(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/\?[^ ]*/, ""));
}

function tokenRequests(lines: readonly string[], path: string): URL[] {
  const paths = lines.map((line) => line.split(" ")[1] ?? "").filter((line) => line.startsWith(`${path}?`));
  return paths.map((line) => new URL(line, "http://localhost"));
}

describe("Docker Hub", () => {
  const HUB: RegistryKind = {
    quirks: { tokenAccess: { user: { username: "ann", password: "dckr_pat_1" }, service: "registry.docker.io" } },
    login: { username: "ann", password: "dckr_pat_1" },
  };

  test("a tag is resolved by HEAD, which is no pull, and its manifest fetched once", async () => {
    const lines = pathsOf(await stage.pull(HUB)).filter((line) => line.includes("/manifests/"));

    const { digest } = stage.app.root.descriptor;
    expect(lines.slice(0, 3)).toEqual([
      "HEAD /v2/team/app/manifests/1 401",
      "HEAD /v2/team/app/manifests/1 200",
      `GET /v2/team/app/manifests/${digest} 200`,
    ]);
    // What may be attached to it is asked for by HEAD as well.
    expect(lines.slice(3).filter((line) => line.startsWith("GET"))).toEqual([]);
  });

  test("one token, for its service and one repository, lasts for all of an image", async () => {
    const [asked, ...more] = tokenRequests(await stage.pull(HUB), "/token");

    expect(more).toEqual([]);
    expect(asked?.searchParams.get("service")).toBe("registry.docker.io");
    expect(asked?.searchParams.getAll("scope")).toEqual(["repository:team/app:pull"]);
  });

  test("a bare 429 is waited out for as long as it says", async () => {
    await stage.pull({ ...HUB, quirks: { ...HUB.quirks, rateLimited: { times: 1, retryAfter: "7" } } });

    expect(stage.waits).toHaveLength(1);
    expect(stage.waits[0]).toBeGreaterThanOrEqual(7_000);
  });

  test("a 429 that speaks of pulls is waited for by nobody, and what is left of them is read before", async () => {
    const pullLimit = { limit: 100, remaining: 1, windowSeconds: 21_600, source: "192.0.2.7" };
    const kind = { ...HUB, quirks: { ...HUB.quirks, pullLimit } };

    const { quotas, failures } = await stage.export(kind, ["team/app:1", "team/web:1"]);

    expect(failures.map(({ error }) => error.code)).toEqual(["PULL_LIMIT"]);
    expect(quotas).toMatchObject([{ limit: 100, remaining: 0, windowSeconds: 21_600, source: "192.0.2.7" }]);
    expect(stage.waits).toEqual([]);
  });

  test("a mount that opens an upload instead is given up, and the blob is sent", async () => {
    const { blobs } = await stage.push({ ...HUB, quirks: { ...HUB.quirks, mount: "opens-upload" } });

    expect(blobs.mounted).toBe(0);
    expect([stage.missing(stage.app, "team/app"), stage.missing(stage.web, "team/web")]).toEqual([[], []]);
    expect(stage.scene.far.openUploads).toBe(0);
  });
});

describe("GHCR", () => {
  const GHCR: RegistryKind = {
    quirks: {
      tokenAccess: { service: "ghcr.io", baseScope: "repository:user/image:pull" },
      patchLimit: 4 * 1024 * 1024,
      noReferrersApi: true,
    },
  };

  test("a public image takes a token too, for its own repository and not the placeholder's", async () => {
    const asked = tokenRequests(await stage.pull(GHCR), "/token");

    expect(asked.map(({ searchParams }) => searchParams.getAll("scope"))).toEqual([["repository:team/app:pull"]]);
  });

  test("a layer of more than 4 MiB goes up in one PUT, without PATCH", async () => {
    const size = 4 * 1024 * 1024 + 1;
    await using large = await RowStage.create(size);
    await large.push(GHCR);

    const { far } = large.scene;
    expect(large.missing(large.app, "team/app")).toEqual([]);
    expect(far.requests.map(({ method }) => method)).not.toContain("PATCH");
    const lengths = far.requests.map(({ headers }) => Number(headers["content-length"] ?? 0));
    expect(Math.max(...lengths)).toBeGreaterThan(size);
  });
});

describe("Azure ACR", () => {
  test("an access_token of /oauth2/token, and blobs of a storage that wants no token", async () => {
    const login = { username: "00000000-0000-0000-0000-000000000000", password: "refresh-token" };
    await using storage = await stage.storage({ refusesAuthorization: "azure" });
    const tokenAccess = { user: login, path: "/oauth2/token", member: "access_token" } as const;

    const lines = await stage.pull({ quirks: { tokenAccess, redirectsBlobs: storage.origin }, login });

    expect(tokenRequests(lines, "/oauth2/token").length).toBeGreaterThan(0);
    expect(lines.filter((line) => line.includes("/blobs/")).every((line) => line.endsWith(" 307"))).toBe(true);
    expect(storage.requests.length).toBeGreaterThan(0);
    expect(storage.requests.every(({ status, headers }) => status === 200 && !headers.authorization)).toBe(true);
  });

  test("images arrive", async () => {
    const login = { username: "ci", password: "scoped-token" };
    const tokenAccess = { user: login, path: "/oauth2/token", member: "access_token" } as const;

    await stage.push({ quirks: { tokenAccess }, login });

    expect([stage.missing(stage.app, "team/app"), stage.missing(stage.web, "team/web")]).toEqual([[], []]);
  });
});

describe("AWS ECR", () => {
  const login = { username: "AWS", password: "a-password-for-twelve-hours" };
  const quirks = { basicAccess: login, omitsDigest: true, uploadsByPutOnly: true, mount: "refused" } as const;

  test("Basic, no digest in the headers, and blobs of an S3 that wants no Authorization", async () => {
    await using storage = await stage.storage({ refusesAuthorization: "s3" });

    await stage.pull({ quirks: { ...quirks, redirectsBlobs: storage.origin }, login });

    expect(storage.requests.length).toBeGreaterThan(0);
    expect(storage.requests.every(({ status, headers }) => status === 200 && !headers.authorization)).toBe(true);
  });

  test("without PATCH and without mounting, images arrive all the same", async () => {
    const { images, blobs } = await stage.push({ quirks, login });

    expect(images.map(({ failure }) => failure)).toEqual([undefined, undefined]);
    expect(blobs.mounted).toBe(0);
    expect([stage.missing(stage.app, "team/app"), stage.missing(stage.web, "team/web")]).toEqual([[], []]);
  });

  const unknown = "The repository with name 'team/app' does not exist in the registry with id '123456789012'";
  const immutable =
    "The image tag '1' already exists in the 'team/app' repository and cannot be overwritten because the repository is immutable.";

  test.each([
    ["a repository that was not made", "NOT_FOUND", { of: "blobs", status: 404, code: "NAME_UNKNOWN", words: unknown }],
    ["a tag that may not move", "DENIED", { of: "tags", status: 400, code: "TAG_INVALID", words: immutable }],
  ] as const)("%s fails its image only", async (_what, code, refusal) => {
    const refuses = [{ ...refusal, repository: "team/app" }];

    const { images } = await stage.push({ quirks: { ...quirks, refuses }, login });

    expect(images.map(({ failure }) => failure?.code)).toEqual([code, undefined]);
    expect(stage.missing(stage.web, "team/web")).toEqual([]);
  });
});

describe("ECR public", () => {
  const login = { username: "AWS", password: "public-password" };
  const quirks = { tokenAccess: { alsoNeeds: "aws" }, refusesBlobHead: true } as const;

  test("tokens are asked for with the scope that the challenge adds", async () => {
    const asked = tokenRequests(await stage.pull({ quirks }), "/token");

    const scopes = asked.map(({ searchParams }) => searchParams.getAll("scope").sort());
    expect(scopes.at(-1)).toEqual(["aws", "repository:team/app:pull"]);
  });

  test("where HEAD of a blob is refused, one byte of it tells whether it is there", async () => {
    await stage.push({ quirks, login });
    const { blobs } = await stage.push({ quirks, login });

    expect(blobs).toMatchObject({ transferred: 0, mounted: 0 });
    const { requests } = stage.scene.far;
    const asked = requests.filter(({ method, path }) => method === "GET" && path.includes("/blobs/sha256"));
    expect(asked.every(({ headers }) => headers.range === "bytes=0-0")).toBe(true);
    expect(asked.filter(({ status }) => status === 206)).toHaveLength(blobs.present);
  });
});

describe("Google Artifact Registry", () => {
  const login = { username: "_json_key", password: '{\n  "type": "service_account",\n  "private_key": "k:e:y"\n}\n' };

  test("a JSON key is the password, and a 401 without a challenge is asked about at /v2/", async () => {
    const lines = await stage.pull({ quirks: { tokenAccess: { user: login }, omitsChallenge: true }, login });

    expect(pathsOf(lines).slice(0, 4)).toEqual([
      "HEAD /v2/team/app/manifests/1 401",
      "GET /v2/ 401",
      "GET /token 200",
      "HEAD /v2/team/app/manifests/1 200",
    ]);
  });

  test("without PATCH, and with an HTML page for referrers, images arrive", async () => {
    const quirks = { tokenAccess: { user: login }, uploadsByPutOnly: true, referrersHtml: true } as const;

    await stage.push({ quirks, login });

    expect([stage.missing(stage.app, "team/app"), stage.missing(stage.web, "team/web")]).toEqual([[], []]);
  });
});
