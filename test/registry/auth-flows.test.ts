import { describe, expect, test } from "vitest";
import type { CredentialLookup } from "../../src/registry/index.js";
import { everythingSaidBy, failureOf } from "../support/errors.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import { containing, content, LAYER, opener } from "./fixture.js";
import { client, givenLogin, registry } from "./stage.js";

const USER = { username: "ann", password: "pass:word" };
const IDENTITY = "identity/token+1=";
const BLOB = `/v2/app/blobs/${LAYER.descriptor.digest}`;

function tokenLine(...scopes: readonly string[]): string {
  const query = new URLSearchParams({ service: registry.host });
  for (const scope of scopes) query.append("scope", scope);
  return `GET /token?${query.toString()} 200`;
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

describe("an identity token", () => {
  const asked: CredentialLookup = async () => ({ identityToken: IDENTITY });
  const askedWithUser: CredentialLookup = async () => ({ identityToken: IDENTITY, username: "0000" });

  test("is exchanged in a POST, and stands in no URL and no header", async () => {
    const app = await givenLogin({ tokenAccess: { identityToken: IDENTITY } }, asked);
    expect(await fetchBytes(app, LAYER.descriptor)).toEqual(LAYER.bytes);
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`, "POST /token 200", `GET ${BLOB} 200`]);
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      undefined,
      "Bearer token-1",
    ]);
    expect(registry.requests[1]?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
  });

  test("asks for all scopes at once, and for others anew", async () => {
    const app = await givenLogin({ tokenAccess: { identityToken: IDENTITY } }, asked);
    await fetchBytes(app, LAYER.descriptor);
    const blob = content("a new one");
    await app.putBlob(blob.descriptor, opener(blob));
    expect(registry.storage.hasBlob("app", blob.descriptor.digest)).toBe(true);
    expect(registry.requestLines().filter((line) => line.includes("/token"))).toEqual([
      "POST /token 200",
      "POST /token 200",
    ]);
  });

  test.each([400, 401, 404])("is a password where the service answers a POST with %d", async (postStatus) => {
    const user = { username: "0000", password: IDENTITY };
    const app = await givenLogin({ tokenAccess: { user, postStatus } }, askedWithUser);
    expect(await fetchBytes(app, LAYER.descriptor)).toEqual(LAYER.bytes);
    expect(registry.requestLines().slice(1, 3)).toEqual([
      `POST /token ${postStatus}`,
      tokenLine("repository:app:pull"),
    ]);
    expect(registry.requests[2]?.headers.authorization).toBe(basic("0000", IDENTITY));
  });

  test("is a password where POST is no method, if there is a user name", async () => {
    const user = { username: "0000", password: IDENTITY };
    const app = await givenLogin({ tokenAccess: { user, postStatus: 405 } }, askedWithUser);
    expect(await fetchBytes(app, LAYER.descriptor)).toEqual(LAYER.bytes);
  });

  test("is none where POST is no method and there is no user name", async () => {
    const app = await givenLogin({ tokenAccess: { postStatus: 405 } }, asked);
    expect(await failureOf(() => fetchBytes(app, LAYER.descriptor))).toMatchObject({ code: "DENIED" });
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`, "POST /token 405"]);
  });

  test("that is refused in both ways is an error without it", async () => {
    const app = await givenLogin({ tokenAccess: { identityToken: "another", user: USER } }, asked);
    const error = await failureOf(() => fetchBytes(app, LAYER.descriptor));
    expect(error).toMatchObject({ code: "UNAUTHORIZED" });
    expect(everythingSaidBy(error)).not.toContain(IDENTITY);
    expect(registry.requests).toHaveLength(3);
  });

  test("does not go to a registry that wants a password", async () => {
    const app = await givenLogin({ basicAccess: USER }, askedWithUser);
    expect(await failureOf(() => fetchBytes(app, LAYER.descriptor))).toMatchObject({ code: "UNAUTHORIZED" });
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`]);
  });
});

describe("a registry token", () => {
  test("goes to the registry as it is, and no token service is asked", async () => {
    const app = await givenLogin({ tokenAccess: { registryToken: "ready" } }, async () => ({ registryToken: "ready" }));
    await fetchBytes(app, LAYER.descriptor);
    await fetchBytes(app, LAYER.descriptor);
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`, `GET ${BLOB} 200`, `GET ${BLOB} 200`]);
    expect(registry.requests.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      "Bearer ready",
      "Bearer ready",
    ]);
  });

  test("that is refused is not sent again", async () => {
    const app = await givenLogin({ tokenAccess: {} }, async () => ({ registryToken: "stale" }));
    expect(await failureOf(() => fetchBytes(app, LAYER.descriptor))).toMatchObject({ code: "UNAUTHORIZED" });
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`, `GET ${BLOB} 401`]);
  });
});

describe("scopes", () => {
  test("that a registry lacks are asked for first, beside the own ones, and from then on", async () => {
    const app = await givenLogin({ tokenAccess: { alsoNeeds: "aws" } });
    await fetchBytes(app, LAYER.descriptor);
    await fetchBytes(app, LAYER.descriptor);
    expect(registry.requestLines()).toEqual([
      `GET ${BLOB} 401`,
      tokenLine("repository:app:pull"),
      `GET ${BLOB} 401`,
      tokenLine("aws", "repository:app:pull"),
      `GET ${BLOB} 200`,
      `GET ${BLOB} 200`,
    ]);
  });

  test("that are granted in part only are no error until they are needed", async () => {
    const app = await givenLogin({ tokenAccess: { grants: (action) => action.endsWith(":pull") } });
    const blob = content("a new one");
    expect(await app.has(LAYER.descriptor)).toBe(true);
    const error = await failureOf(() => app.putBlob(blob.descriptor, opener(blob)));
    expect(error).toMatchObject({ code: "UNAUTHORIZED", hint: containing("no credentials were found for it") });
    expect(registry.requestLines().filter((line) => line.includes("/uploads/"))).toEqual([
      "POST /v2/app/blobs/uploads/ 401",
      "POST /v2/app/blobs/uploads/ 401",
    ]);
  });

  test("that a registry wants more of each time are not asked for for ever", async () => {
    let wanted = 0;
    const app = await givenLogin({ tokenAccess: { alsoNeeds: "more" } });
    // The token service never gives it, and the registry always wants another.
    registry.restage({
      tokenAccess: {
        get alsoNeeds() {
          wanted += 1;
          return `more-${wanted}`;
        },
      },
    });
    for (let count = 0; count < 20; count += 1) {
      expect(await failureOf(() => fetchBytes(app, LAYER.descriptor))).toMatchObject({ code: "UNAUTHORIZED" });
    }
    const longest = Math.max(...registry.requests.map(({ path }) => path.length));
    expect(longest).toBeLessThan(400);
    expect(registry.requests.length).toBeLessThan(20 * 6);
  });

  test("of a placeholder at /v2/ do not take the place of the own ones", async () => {
    const app = await givenLogin({ tokenAccess: { baseScope: "repository:user/image:pull" }, omitsChallenge: true });
    await fetchBytes(app, LAYER.descriptor);
    expect(registry.requestLines()).toEqual([
      `GET ${BLOB} 401`,
      "GET /v2/ 401",
      tokenLine("repository:app:pull"),
      `GET ${BLOB} 200`,
    ]);
  });
});

describe("a registry that does not say how to log in", () => {
  test("is asked at /v2/, once", async () => {
    const app = await givenLogin({ basicAccess: USER, omitsChallenge: true }, async () => USER);
    for (let count = 0; count < 2; count += 1) await fetchBytes(app, LAYER.descriptor);
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`, "GET /v2/ 401", `GET ${BLOB} 200`, `GET ${BLOB} 200`]);
    expect(registry.requests[1]?.headers.authorization).toBeUndefined();
  });

  test("and does not there either gets no credentials", async () => {
    const app = await givenLogin({ refusesBlobHead: true }, async () => USER);
    for (let count = 0; count < 2; count += 1) await app.has(LAYER.descriptor);
    expect(registry.requests.filter(({ path }) => path === "/v2/")).toHaveLength(1);
    expect(registry.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
  });
});

describe("which credentials", () => {
  test("a repository gets its own, where there are some, and its own token", async () => {
    const lookups: (string | undefined)[] = [];
    const app = await givenLogin({ tokenAccess: {} }, async (_registry, repository) => {
      lookups.push(repository);
      return { username: repository ?? "none", password: "x" };
    });
    await fetchBytes(app, LAYER.descriptor);
    const other = client.repository(registry.host, "other");
    await failureOf(() => fetchBytes(other, LAYER.descriptor));
    const sent = registry.requests.filter(({ path }) => path.startsWith("/token"));
    expect(sent.map(({ headers }) => headers.authorization)).toEqual([basic("app", "x"), basic("other", "x")]);
    expect(new Set(lookups)).toEqual(new Set(["app", "other"]));
  });

  test("were refused, an error says, and never what they are", async () => {
    const lookup: CredentialLookup = async () => ({ ...USER, source: 'auths["r"] in "/home/ann/config.json"' });
    const app = await givenLogin({ basicAccess: { username: "bob", password: "x" } }, lookup);
    const error = await failureOf(() => fetchBytes(app, LAYER.descriptor));
    expect(error.hint).toContain('the credentials came from auths["r"] in "/home/ann/config.json"');
    expect(everythingSaidBy(error)).not.toMatch(/pass:word|YW5uOn/);
  });
});

describe("checkLogin", () => {
  test("asks for no scope, and says that credentials were wanted", async () => {
    await givenLogin({ tokenAccess: { user: USER } }, async () => USER);
    expect(await client.checkLogin(registry.host)).toBe(true);
    expect(registry.requestLines()).toEqual(["GET /v2/ 401", tokenLine(), "GET /v2/ 200"]);
  });

  test("says that none were wanted", async () => {
    await givenLogin({}, async () => USER);
    expect(await client.checkLogin(registry.host)).toBe(false);
    expect(registry.requestLines()).toEqual(["GET /v2/ 200"]);
  });

  test("fails where they are refused", async () => {
    await givenLogin({ basicAccess: USER }, async () => ({ username: "ann", password: "wrong" }));
    expect(await failureOf(() => client.checkLogin(registry.host))).toMatchObject({ code: "UNAUTHORIZED" });
  });
});
