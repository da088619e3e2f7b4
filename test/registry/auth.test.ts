import { describe, expect, test } from "vitest";
import type { CredentialLookup } from "../../src/registry/index.js";
import type { Quirks } from "../../src/registry-server/index.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import { containing, content, LAYER, MANIFEST, opener, startedRegistry } from "./fixture.js";
import { givenLogin, registry } from "./stage.js";

const USER = { username: "ann", password: "pass:word" };
const ASKED: CredentialLookup = async () => USER;
const BLOB = `/v2/app/blobs/${LAYER.descriptor.digest}`;

function tokenLine(scope: string): string {
  const service = new URLSearchParams({ service: registry.host, scope });
  return `GET /token?${service.toString()} 200`;
}

describe("a registry with a token service", () => {
  test("is asked for one token for all that is read", async () => {
    const app = await givenLogin({ tokenAccess: {} });
    const descriptor = await app.resolve({ registry: registry.host, repository: "app", tag: "1" });
    await app.fetchManifest(descriptor);
    await fetchBytes(app, LAYER.descriptor);
    expect(registry.requestLines()).toEqual([
      "HEAD /v2/app/manifests/1 401",
      tokenLine("repository:app:pull"),
      "HEAD /v2/app/manifests/1 200",
      `GET /v2/app/manifests/${MANIFEST.descriptor.digest} 200`,
      `GET ${BLOB} 200`,
    ]);
  });

  test("is asked for another token for what is written", async () => {
    const app = await givenLogin({ tokenAccess: {} });
    await fetchBytes(app, LAYER.descriptor);
    registry.requests.length = 0;
    const blob = content("a new one");
    await app.has(blob.descriptor);
    await app.putBlob(blob.descriptor, opener(blob));
    expect(registry.requestLines()).toEqual([
      tokenLine("repository:app:pull,push"),
      `HEAD /v2/app/blobs/${blob.descriptor.digest} 404`,
      "POST /v2/app/blobs/uploads/ 202",
      `PUT /v2/app/blobs/uploads/1?state=at-0&digest=${encodeURIComponent(blob.descriptor.digest)} 201`,
    ]);
  });

  test("gets name and password at the service, and nowhere else", async () => {
    const app = await givenLogin({ tokenAccess: { user: USER } }, ASKED);
    await fetchBytes(app, LAYER.descriptor);
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      `Basic ${Buffer.from("ann:pass:word").toString("base64")}`,
      "Bearer token-1",
    ]);
  });

  test("may call the token access_token, as Azure does", async () => {
    const app = await givenLogin({ tokenAccess: { member: "access_token" } });
    expect(await fetchBytes(app, LAYER.descriptor)).toEqual(LAYER.bytes);
  });

  test("gives one token to requests that need the same at the same time", async () => {
    const app = await givenLogin({ tokenAccess: {} });
    const blobs = await Promise.all([1, 2, 3, 4].map(async () => fetchBytes(app, LAYER.descriptor)));
    expect(blobs).toEqual([LAYER.bytes, LAYER.bytes, LAYER.bytes, LAYER.bytes]);
    expect(registry.requests.filter(({ path }) => path.startsWith("/token"))).toHaveLength(1);
  });

  test("is asked again when a token is refused, once", async () => {
    const app = await givenLogin({ tokenAccess: { uses: 1 } });
    for (let count = 0; count < 2; count += 1) await fetchBytes(app, LAYER.descriptor);
    expect(registry.requestLines()).toEqual([
      `GET ${BLOB} 401`,
      tokenLine("repository:app:pull"),
      `GET ${BLOB} 200`,
      `GET ${BLOB} 401`,
      tokenLine("repository:app:pull"),
      `GET ${BLOB} 200`,
    ]);
  });

  test("that grants too little is an error, and not asked for ever", async () => {
    const app = await givenLogin({ tokenAccess: { uses: 0 } });
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      message: `expected blob ${LAYER.descriptor.digest} of ${registry.host}/app, got 401 Unauthorized from ${registry.host}: UNAUTHORIZED "authentication required"`,
      hint: containing(`sealift login ${registry.host}`),
    });
    expect(registry.requests).toHaveLength(3);
  });

  test("that refuses name and password is an error without them in it", async () => {
    const app = await givenLogin({ tokenAccess: { user: USER } }, async () => ({
      username: "ann",
      password: "secret",
    }));
    const error = await fetchBytes(app, LAYER.descriptor).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "UNAUTHORIZED", hint: containing("sealift login") });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toMatch(/secret|YW5uOn/);
  });
});

describe("a registry with names and passwords", () => {
  test("gets them once it has asked", async () => {
    const app = await givenLogin({ basicAccess: USER }, ASKED);
    for (let count = 0; count < 2; count += 1) await fetchBytes(app, LAYER.descriptor);
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`, `GET ${BLOB} 200`, `GET ${BLOB} 200`]);
  });

  test("is asked once when there are none", async () => {
    const app = await givenLogin({ basicAccess: USER });
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`]);
  });

  test("is asked twice when they are wrong, and then once", async () => {
    const app = await givenLogin({ basicAccess: USER }, async () => ({ username: "ann", password: "wrong" }));
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`, `GET ${BLOB} 401`]);
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(registry.requests).toHaveLength(3);
  });
});

describe("credentials on the way to another origin", () => {
  test.each<[string, Quirks]>([
    ["a password", { basicAccess: USER }],
    ["a token", { tokenAccess: { user: USER } }],
  ])("%s stays behind when a blob is redirected", async (_what, quirks) => {
    const store = await startedRegistry();
    try {
      const app = await givenLogin({ ...quirks, redirectsBlobs: `http://${store.host}` }, ASKED);
      expect(await fetchBytes(app, LAYER.descriptor)).toEqual(LAYER.bytes);
      expect(store.requestLines()).toEqual([`GET ${BLOB} 200`]);
      expect(store.requests[0]?.headers.authorization).toBeUndefined();
      expect(registry.requests.at(-1)?.headers.authorization).toBeDefined();
    } finally {
      await store.close();
    }
  });

  test("a store that asks for credentials gets none", async () => {
    const store = await startedRegistry({ basicAccess: USER });
    try {
      const app = await givenLogin({ redirectsBlobs: `http://${store.host}` }, ASKED);
      await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
      expect(store.requestLines()).toEqual([`GET ${BLOB} 401`]);
    } finally {
      await store.close();
    }
  });

  test("a redirect without end ends", async () => {
    const app = await givenLogin({});
    registry.restage({ redirectsBlobs: `http://${registry.host}` });
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
    expect(registry.requests).toHaveLength(11);
  });
});
