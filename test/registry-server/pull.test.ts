import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf, MEDIA_TYPE } from "../../src/oci/index.js";
import { type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { exchange } from "./exchange.js";

const BLOB = Buffer.from("0123456789");
const DIGEST = digestOf(BLOB);
const MANIFEST = Buffer.from('{"schemaVersion":2}');
let registry: RegistryServer;

beforeAll(async () => {
  registry = await startRegistry();
  registry.storage.putBlob("app", BLOB);
  for (const tag of ["c", "a", "b"]) registry.storage.putManifest("app", tag, MEDIA_TYPE.ociManifest, MANIFEST);
});

afterAll(async () => await registry.close());

test("the base says that this is a registry", async () => {
  expect(await exchange(registry, "GET", "/v2/")).toMatchObject({ status: 200, body: "{}" });
});

describe("a manifest", () => {
  const headers = {
    "content-type": MEDIA_TYPE.ociManifest,
    "content-length": String(MANIFEST.length),
    "docker-content-digest": digestOf(MANIFEST),
  };

  test.each(["a", digestOf(MANIFEST)])("is found by %s", async (reference) => {
    const got = await exchange(registry, "GET", `/v2/app/manifests/${reference}`);
    expect(got).toMatchObject({ status: 200, body: MANIFEST.toString(), headers });
    const head = await exchange(registry, "HEAD", `/v2/app/manifests/${reference}`);
    expect(head).toMatchObject({ status: 200, body: "", headers });
  });

  test.each(["/v2/app/manifests/z", "/v2/other/manifests/a"])("is absent at %s", async (path) => {
    const got = await exchange(registry, "GET", path);
    expect(got.status).toBe(404);
    expect(JSON.parse(got.body)).toEqual({ errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] });
  });
});

describe("a blob", () => {
  test("is found by its digest", async () => {
    const got = await exchange(registry, "GET", `/v2/app/blobs/${DIGEST}`);
    expect(got).toMatchObject({ status: 200, body: "0123456789", headers: { "docker-content-digest": DIGEST } });
  });

  test.each<[string, number, string, string | undefined]>([
    ["bytes=4-", 206, "456789", "bytes 4-9/10"],
    ["bytes=4-5", 206, "45", "bytes 4-5/10"],
    ["bytes=4-99", 206, "456789", "bytes 4-9/10"],
    ["bytes=-4", 200, "0123456789", undefined],
    ["bytes=1-2,4-5", 200, "0123456789", undefined],
    ["bytes=10-", 416, "", "bytes */10"],
  ])("of which %s is asked answers %i", async (range, status, body, contentRange) => {
    const got = await exchange(registry, "GET", `/v2/app/blobs/${DIGEST}`, { headers: { range } });
    expect(got.status).toBe(status);
    expect(got.headers["content-range"]).toBe(contentRange);
    if (status !== 416) expect(got.body).toBe(body);
  });

  test("is not visible in another repository", async () => {
    expect((await exchange(registry, "GET", `/v2/other/blobs/${DIGEST}`)).status).toBe(404);
  });

  test("by another name than a digest is refused", async () => {
    expect(await exchange(registry, "GET", "/v2/app/blobs/latest")).toMatchObject({ status: 400 });
  });
});

describe("the tags", () => {
  test.each<[string, string[], string | undefined]>([
    ["", ["a", "b", "c"], undefined],
    ["?n=2", ["a", "b"], '</v2/app/tags/list?n=2&last=b>; rel="next"'],
    ["?n=2&last=b", ["c"], undefined],
    ["?n=3", ["a", "b", "c"], undefined],
    ["?n=0", [], undefined],
  ])("with %j are %j", async (query, tags, link) => {
    const got = await exchange(registry, "GET", `/v2/app/tags/list${query}`);
    expect(JSON.parse(got.body)).toEqual({ name: "app", tags });
    expect(got.headers.link).toBe(link);
  });

  test("of a repository that is absent are an error", async () => {
    expect((await exchange(registry, "GET", "/v2/other/tags/list")).status).toBe(404);
  });
});

test.each<["GET" | "DELETE", string, number]>([
  ["GET", "/v1/", 404],
  ["DELETE", "/v2/app/manifests/a", 405],
  ["GET", "/v2/app/blobs/uploads/", 405],
])("%s %s answers %i", async (method, path, status) => {
  expect((await exchange(registry, method, path)).status).toBe(status);
});
