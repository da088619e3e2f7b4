import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Authorizer } from "../../src/registry/authorizer.js";
import { HttpClient } from "../../src/registry/http.js";
import type { CredentialLookup, Credentials, RegistryClient } from "../../src/registry/index.js";
import type { Quirks, RegistryServer } from "../../src/registry-server/index.js";
import { everythingSaidBy, failureOf } from "../support/errors.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import { impatientClient, LAYER, startedRegistry } from "./fixture.js";

const SECRET = "hunter2-hunter2";
const PASSWORD: Credentials = { username: "ann", password: SECRET };
const IDENTITY: Credentials = { identityToken: SECRET };
const KINDS = [
  ["a password", PASSWORD],
  ["an identity token", IDENTITY],
] as const;
const BLOB = `/v2/app/blobs/${LAYER.descriptor.digest}`;
const ENCODED = Buffer.from(`ann:${SECRET}`).toString("base64");

let registry: RegistryServer;
let elsewhere: RegistryServer;
let client: RegistryClient;

beforeEach(async () => {
  elsewhere = await startedRegistry();
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await registry.close();
  await elsewhere.close();
});

async function failing(quirks: Quirks, credentials: Credentials) {
  registry = await startedRegistry(quirks);
  const lookup: CredentialLookup = async (name) => (name === registry.host ? credentials : undefined);
  client = impatientClient({ credentials: lookup });
  const error = await failureOf(() => fetchBytes(client.repository(registry.host, "app"), LAYER.descriptor));
  expect(everythingSaidBy(error)).not.toContain(SECRET);
  if (credentials === PASSWORD) expect(everythingSaidBy(error)).not.toContain(ENCODED);
  return error;
}

describe.each(KINDS)("hostile: a registry that is to get %s", (_kind, credentials) => {
  test.each([
    ["a private host", "https://10.1.2.3/token"],
    ["the keys of a cloud", "https://169.254.169.254/latest/api/token"],
    ["a place without TLS", "http://tokens.example/token"],
    ["a file", "file:///etc/passwd"],
  ])("and names %s as its token service gets nothing, nor does that", async (_what, realm) => {
    expect(await failing({ tokenAccess: { realm } }, credentials)).toMatchObject({ code: "REGISTRY_PROTOCOL" });
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 401`]);
    expect(registry.requests[0]?.headers.authorization).toBeUndefined();
    expect(elsewhere.requests).toEqual([]);
  });

  test.each([301, 302, 303, 307, 308])("and redirects its token service (%d) is not followed", async (status) => {
    const location = `http://${elsewhere.host}/token`;
    await failing({ tokenAnswer: { status, body: "", headers: { location } }, tokenAccess: {} }, credentials);
    expect(elsewhere.requests).toEqual([]);
    expect(registry.requests).toHaveLength(2);
  });

  test.each<[string, number, string]>([
    ["a page of HTML", 200, "<html><body>Welcome</body></html>"],
    ["nothing", 200, ""],
    ["garbage", 200, '{"token":'],
    ["a list", 200, '["token"]'],
    ["another member", 200, '{"jwt":"t"}'],
    ["an empty token", 200, '{"token":"","access_token":""}'],
    ["a token that is a number", 200, '{"token":1}'],
    ["a token that would end the header", 200, '{"token":"t\\r\\nX-Evil: 1"}'],
    ["a token twice", 200, '{"token":"t","token":"u"}'],
    ["megabytes", 200, `{"token":"${"x".repeat(3_000_000)}"}`],
    ["endless nesting", 200, '{"token":'.repeat(20_000)],
  ])("and whose token service answers with %s is an error", async (_what, status, body) => {
    const error = await failing({ tokenAnswer: { status, body }, tokenAccess: {} }, credentials);
    expect(error).toMatchObject({ code: "REGISTRY_PROTOCOL" });
    expect(error.message).toMatch(/^expected a token of .* without token and access_token from 127\.0\.0\.1:\d+$/);
    expect(registry.requests).toHaveLength(2);
  });

  test.each([403, 418, 500])(
    "and whose token service repeats what it got (%d) is an error without it",
    async (status) => {
      const body = `<p>no: ${SECRET} ${encodeURIComponent(SECRET)} Basic ${ENCODED} ${ENCODED}</p>`;
      const error = await failing({ tokenAnswer: { status, body }, tokenAccess: {} }, credentials);
      expect(error.message).toContain(`got ${status}`);
    },
  );
});

test("hostile: an expiry that is no number, or none, does not matter", async () => {
  for (const expiry of ['"300"', "null", "-1", "1e308", "{}"]) {
    registry = await startedRegistry();
    client = impatientClient({ credentials: async () => PASSWORD });
    registry.restage({
      tokenAnswer: { status: 200, body: `{"token":"ready","expires_in":${expiry}}` },
      tokenAccess: { registryToken: "ready" },
    });
    expect(await fetchBytes(client.repository(registry.host, "app"), LAYER.descriptor)).toEqual(LAYER.bytes);
    await client[Symbol.asyncDispose]();
    await registry.close();
  }
});

test("hostile: a mirror of Docker Hub does not get what is meant for Docker Hub", async () => {
  const asked: string[] = [];
  const lookup: CredentialLookup = async (name) => {
    asked.push(name);
    return name === "docker.io" ? PASSWORD : undefined;
  };
  await using http = new HttpClient();
  const authorizer = new Authorizer(http, lookup, []);
  const ask = async (host: string) =>
    await authorizer.renewedAuthorization(
      { host: { registry: "docker.io", host, origin: `https://${host}` }, scopes: [] },
      { header: 'Basic realm="x"', refused: undefined, wasFresh: false },
    );
  expect(await ask("mirror.example")).toBeUndefined();
  expect(await ask("registry-1.docker.io")).toBe(`Basic ${ENCODED}`);
  expect(asked).toEqual(["mirror.example", "docker.io"]);
});
