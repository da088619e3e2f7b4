import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { exchange } from "./exchange.js";

let registry: RegistryServer;

beforeEach(async () => {
  registry = await startRegistry();
});

afterEach(async () => await registry.close());

test("listens on loopback, at a port of its own", async () => {
  const other = await startRegistry();
  expect(registry.host).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(other.host).not.toBe(registry.host);
  await other.close();
});

test("fails when its port is taken", async () => {
  const port = Number(registry.host.split(":")[1]);
  await expect(startRegistry({ port })).rejects.toThrow("EADDRINUSE");
});

test("records requests in the order they come", async () => {
  await exchange(registry, "GET", "/v2/", { headers: { "x-test": "1" } });
  await exchange(registry, "GET", "/v2/app/tags/list?n=1");
  expect(registry.requestLines()).toEqual(["GET /v2/ 200", "GET /v2/app/tags/list?n=1 404"]);
  expect(registry.requests[0]?.headers).toMatchObject({ "x-test": "1" });
});

test("changes its ways for a second act", async () => {
  await exchange(registry, "GET", "/v2/");
  registry.restage({ unavailable: 1 });
  await exchange(registry, "GET", "/v2/");
  await exchange(registry, "GET", "/v2/");
  expect(registry.requestLines()).toEqual(["GET /v2/ 503", "GET /v2/ 200"]);
});

test("survives a client that goes away in the middle of an upload", async () => {
  await exchange(registry, "POST", "/v2/app/blobs/uploads/");
  const [host, port] = registry.host.split(":");
  const socket = connect(Number(port), host);
  socket.write(
    "PUT /v2/app/blobs/uploads/1?state=at-0&digest=sha256:00 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf",
  );
  await expect.poll(() => registry.requests.length).toBe(2);
  socket.destroy();
  await once(socket, "close");
  expect(await exchange(registry, "GET", "/v2/")).toMatchObject({ status: 200 });
});

test("closes though a client stays", async () => {
  const [host, port] = registry.host.split(":");
  const socket = connect(Number(port), host);
  await once(socket, "connect");
  await registry.close();
  await once(socket.resume(), "close");
});

describe("a registry with tokens", () => {
  test("names what a request wants, and takes a token for exactly that", async () => {
    registry.restage({ tokenAccess: {} });
    registry.storage.putBlob("app", Buffer.from("x"));
    const refused = await exchange(registry, "POST", "/v2/app/blobs/uploads/?mount=sha256:0&from=base");
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toBe(
      `Bearer realm="http://${registry.host}/token",service="${registry.host}",scope="repository:app:pull,push repository:base:pull"`,
    );
    const { body } = await exchange(registry, "GET", "/token?scope=repository:app:pull");
    const headers = { authorization: `Bearer ${(JSON.parse(body) as { token: string }).token}` };
    expect((await exchange(registry, "GET", "/v2/app/tags/list", { headers })).status).toBe(200);
    expect((await exchange(registry, "GET", "/v2/other/tags/list", { headers })).status).toBe(401);
    const tooLittle = await exchange(registry, "POST", "/v2/app/blobs/uploads/", { headers });
    expect(tooLittle.status).toBe(401);
    expect(tooLittle.headers["www-authenticate"]).toContain('error="insufficient_scope"');
  });

  test("gives one for an identity token, and for no other", async () => {
    registry.restage({ tokenAccess: { identityToken: "it" } });
    const post = (refreshToken: string) =>
      exchange(registry, "POST", "/token", {
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: `grant_type=refresh_token&refresh_token=${refreshToken}&client_id=test&service=s`,
      });
    expect(await post("it")).toMatchObject({ status: 200, body: '{"access_token":"token-1","expires_in":300}' });
    expect(await post("other")).toMatchObject({ status: 400 });
  });
});
