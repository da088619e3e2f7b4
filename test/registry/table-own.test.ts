import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MEDIA_TYPE, referrersTag } from "../../src/oci/index.js";
import type { Quirks } from "../../src/registry-server/index.js";
import { failureOf } from "../support/errors.js";
import { sampleImage, sampleLayer } from "../support/images.js";
import { ARTIFACT_TYPE, sampleReferrer } from "../support/referrers.js";
import { storeImage } from "../support/store-image.js";
import { RowStage } from "./row-stage.js";

// The rows of docs/registries.md for registries that people run themselves:
// each with all its known peculiarities switched on.

let stage: RowStage;

beforeEach(async () => {
  stage = await RowStage.create();
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

function expectBothArrived(prefix = ""): void {
  expect(stage.missing(stage.app, `${prefix}team/app`)).toEqual([]);
  expect(stage.missing(stage.web, `${prefix}team/web`)).toEqual([]);
}

/** The paths of token requests at the far registry, of which there is at least one. */
function tokenRequests(path: string): URL[] {
  const asked = stage.scene.far.requests.filter((request) => request.path.startsWith(`${path}?`));
  expect(asked.length).toBeGreaterThan(0);
  return asked.map((request) => new URL(request.path, "http://localhost"));
}

/** Imports `team/app` with a signature; the tags of its repository on the far side, and the signature's own is there. */
async function tagsWithSignature(quirks: Quirks): Promise<readonly string[]> {
  const signature = sampleReferrer(stage.app.root.descriptor, ARTIFACT_TYPE.notation, "signed");
  storeImage(stage.scene.near.storage, "team/app", undefined, signature);
  await stage.push({ quirks });
  expect(stage.missing(signature, "team/app")).toEqual([]);
  return stage.scene.far.storage.tags("team/app");
}

function isOfTeam(action: string): boolean {
  return action.startsWith("repository:team/");
}

describe("Harbor", () => {
  const login = { username: "robot$team+carrier", password: "S3cret" };
  const tokenAccess = { user: login, path: "/service/token", service: "harbor-registry", grants: isOfTeam } as const;

  test("a robot's name with a dollar, and a token for each repository", async () => {
    await stage.push({ quirks: { tokenAccess }, login });

    expectBothArrived();
    const services = tokenRequests("/service/token").map(({ searchParams }) => searchParams.get("service"));
    expect([...new Set(services)]).toEqual(["harbor-registry"]);
  });

  test("a project that is absent, to a robot that may not know it, fails with what to do", async () => {
    const failure = await failureOf(() => stage.push({ quirks: { tokenAccess }, login }, "other"));

    expect(failure).toMatchObject({ code: "UNAUTHORIZED", exitCode: 4 });
    expect(failure.hint).toContain("a project that does not exist");
    expect(`${failure.message} ${failure.hint}`).not.toContain("S3cret");
  });

  test("an immutable tag that names the right image already is left alone", async () => {
    await stage.push({ quirks: { tokenAccess }, login });
    const words = "Failed to process request due to 'team/app:1' configured as immutable.";
    const immutable = { of: "tags", status: 412, code: "PRECONDITION", words } as const;

    const { images } = await stage.push({ quirks: { tokenAccess, refuses: [immutable] }, login });

    expect(images.map(({ failure }) => failure)).toEqual([undefined, undefined]);
  });
});

describe("Nexus", () => {
  const login = { username: "carrier", password: "nexus" };
  const quirks = { basicAccess: login, noReferrersApi: true } as const;

  test("Basic, and a repository of Nexus in front of the path", async () => {
    await stage.push({ quirks, login }, "repository/docker-hosted");

    expectBothArrived("repository/docker-hosted/");
  });

  test("without referrers, images come out", async () => {
    const lines = await stage.pull({ quirks, login });

    expect(lines.at(-1)).toMatch(/ 200$/);
  });
});

describe("distribution 2.8", () => {
  const login = { username: "carrier", password: "over:the gap" };
  const quirks = { basicAccess: login, mountWantsFrom: true, noReferrersApi: true } as const;

  test("htpasswd, and a layer that another repository has is mounted from there", async () => {
    const { blobs } = await stage.push({ quirks, login });

    expectBothArrived();
    expect(blobs.mounted).toBe(1);
    const mounts = stage.scene.far.requests.filter(({ path }) => path.includes("mount="));
    expect(mounts.map(({ path }) => /&from=team%2F(app|web)$/.test(path))).toEqual([true]);
  });

  test("one that is read-only, or caches another, takes nothing and says so", async () => {
    const failure = await failureOf(() => stage.push({ quirks: { takesNothing: true } }));

    expect(failure).toMatchObject({ code: "DENIED", exitCode: 4 });
    expect(failure.message).toContain('UNSUPPORTED "The operation is unsupported."');
    expect(failure.hint).toContain("a cache of another one");
    expect(stage.waits).toEqual([]);
  });
});

describe("distribution 3", () => {
  test("blobs that lie in S3 are fetched there, without the registry's credentials", async () => {
    const login = { username: "carrier", password: "three" };
    await using storage = await stage.storage({ refusesAuthorization: "s3" });

    await stage.pull({ quirks: { basicAccess: login, redirectsBlobs: storage.origin, noReferrersApi: true }, login });

    expect(storage.requests.length).toBeGreaterThan(0);
    expect(storage.requests.every(({ status, headers }) => status === 200 && !headers.authorization)).toBe(true);
  });

  test("images arrive", async () => {
    await stage.push({ quirks: { noReferrersApi: true } });

    expectBothArrived();
  });

  test("without referrers, what refers to an image is listed under a tag", async () => {
    const tags = await tagsWithSignature({ noReferrersApi: true });

    expect(tags).toEqual(["1", referrersTag(stage.app.root.descriptor.digest)]);
  });
});

describe("zot", () => {
  const words = "manifest invalid";
  const mediaType = MEDIA_TYPE.dockerManifest;
  const refusal = { of: "mediaType", mediaType, status: 415, code: "MANIFEST_INVALID", words } as const;

  test("OCI images arrive", async () => {
    const login = { username: "carrier", password: "zot" };

    await stage.push({ quirks: { basicAccess: login, refuses: [refusal] }, login });

    expectBothArrived();
  });

  test("what refers to an image is listed by the registry, and no tag is made for it", async () => {
    expect(await tagsWithSignature({ refuses: [refusal] })).toEqual(["1"]);
  });

  test("Docker's media types are refused with advice, and never converted", async () => {
    const docker = sampleImage({ layers: [await sampleLayer({ docker: "docker" })], format: "docker" });
    storeImage(stage.scene.near.storage, "team/app", "1", docker);

    const { images } = await stage.push({ quirks: { refuses: [refusal] } });

    const [app, web] = images;
    expect(app?.failure).toMatchObject({ code: "DENIED", exitCode: 4 });
    expect(app?.failure?.hint).toContain("docker2s2");
    expect(web?.failure).toBeUndefined();
    expect(stage.scene.far.storage.tags("team/app")).toEqual([]);
    const types = stage.scene.far.requests
      .filter(({ method, path }) => method === "PUT" && path.includes("team/app/manifests/"))
      .map(({ headers }) => headers["content-type"]);
    expect(types).toEqual([mediaType]);
  });
});

describe("Quay", () => {
  test.each(["team+carrier", "$oauthtoken"])("%s logs in, and mounts name where from", async (username) => {
    const login = { username, password: "quay" };

    const { blobs } = await stage.push({ quirks: { tokenAccess: { user: login }, mountWantsFrom: true }, login });

    expectBothArrived();
    expect(blobs.mounted).toBe(1);
  });
});

describe("GitLab", () => {
  const login = { username: "gitlab+deploy-token-7", password: "gldt-1" };
  const tokenAccess = { user: login, path: "/jwt/auth", service: "container_registry", grants: isOfTeam } as const;

  test("no scope is broader than a repository that is pushed to", async () => {
    await stage.push({ quirks: { tokenAccess }, login });

    expectBothArrived();
    const scopes = tokenRequests("/jwt/auth").flatMap(({ searchParams }) => searchParams.getAll("scope"));
    expect(scopes.every((scope) => /^repository:team\/(app|web):pull(,push)?$/.test(scope))).toBe(true);
  });

  test("a path outside of its group and project fails with what to do", async () => {
    const failure = await failureOf(() => stage.push({ quirks: { tokenAccess }, login }, "elsewhere"));

    expect(failure).toMatchObject({ code: "UNAUTHORIZED", exitCode: 4 });
    expect(failure.hint).toContain("a project that does not exist");
  });
});
