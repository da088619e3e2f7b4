import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { OperationEvent } from "../../../src/ports/index.js";
import type { RegistryClient, RegistryClientOptions, RegistryRepository } from "../../../src/registry/index.js";
import { type Quirks, type RegistryServer, startRegistry } from "../../../src/registry-server/index.js";
import { TestAuthority } from "../../support/certificates.js";
import { fetchBytes } from "../../support/fetch-bytes.js";
import { TestMachine } from "../../support/surroundings.js";
import { TestProxy, type TestProxyOptions } from "../../support/test-proxy.js";
import { startTlsRegistry } from "../../support/tls-registry.js";
import { containing, content, impatientClient, LAYER, opener, putApp, startedRegistry } from "../fixture.js";

const LOGIN = `Basic ${Buffer.from("carrier:hunter2").toString("base64")}`;
const BLOB = `/v2/app/blobs/${LAYER.descriptor.digest}`;

let authority: TestAuthority;
let machine: TestMachine;
let registry: RegistryServer;
let proxy: TestProxy;
let client: RegistryClient;

beforeAll(() => {
  authority = new TestAuthority();
});

beforeEach(async () => {
  machine = await TestMachine.create({ "etc/ssl/cert.pem": authority.cert });
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await registry.close();
  await machine[Symbol.asyncDispose]();
});

async function givenProxy(options: Partial<TestProxyOptions> = {}): Promise<void> {
  proxy = await TestProxy.start({ to: registry.host, ...options });
}

/** A registry that is called reg.test, and is there through the proxy only. */
async function givenSecure(quirks: Quirks = {}, options: Partial<TestProxyOptions> = {}): Promise<void> {
  ({ registry } = await startTlsRegistry(authority.forServer(["reg.test", "store.test"]), quirks));
  putApp(registry);
  await givenProxy(options);
}

function appAt(host: string, options: RegistryClientOptions = {}): RegistryRepository {
  client = impatientClient({ surroundings: machine.surroundings, ...options });
  return client.repository(host, "app");
}

describe("TLS through a proxy", () => {
  test("is spoken with the registry; the proxy learns its name, and nothing else", async () => {
    await givenSecure({ basicAccess: { username: "carrier", password: "secret" } });
    machine.env["HTTPS_PROXY"] = `http://${proxy.host}`;
    const credentials = async () => ({ username: "carrier", password: "secret", source: "the test" });
    const app = appAt("reg.test", { credentials });
    expect(await fetchBytes(app, LAYER.descriptor)).toEqual(LAYER.bytes);
    await app.putBlob(LAYER.descriptor, opener(LAYER));
    expect(new Set(proxy.asked)).toEqual(new Set(["CONNECT reg.test:443"]));
    expect(proxy.headers).not.toMatch(/authorization/);
    expect(registry.requestLines().slice(0, 2)).toEqual([`GET ${BLOB} 401`, `GET ${BLOB} 200`]);
  });

  test("takes the proxy's user and password, which the registry never sees", async () => {
    await givenSecure({}, { wants: LOGIN });
    machine.env["https_proxy"] = `http://carrier:hunter2@${proxy.host}`;
    expect(await fetchBytes(appAt("reg.test:5000"), LAYER.descriptor)).toEqual(LAYER.bytes);
    expect(proxy.asked).toEqual(["CONNECT reg.test:5000"]);
    expect(registry.requests.map(({ headers }) => headers["proxy-authorization"])).toEqual([undefined]);
  });

  test("carries blobs of any size", async () => {
    await givenSecure();
    const { descriptor, bytes } = content(Buffer.alloc(5_000_000, "0123456789abcdef!"));
    registry.storage.putBlob("app", bytes);
    machine.env["HTTPS_PROXY"] = `http://${proxy.host}`;
    expect((await fetchBytes(appAt("reg.test"), descriptor)).equals(bytes)).toBe(true);
  });

  test("goes on to where the registry redirects, each host by a connection of its own", async () => {
    await givenSecure({ redirectsBlobs: "https://store.test" });
    machine.env["HTTPS_PROXY"] = `http://${proxy.host}`;
    // Everything leads to the one registry, which redirects again: the names are what counts.
    await expect(fetchBytes(appAt("reg.test"), LAYER.descriptor)).rejects.toMatchObject({
      message: containing("redirects"),
    });
    expect(new Set(proxy.asked)).toEqual(new Set(["CONNECT reg.test:443", "CONNECT store.test:443"]));
  });

  test("works where the proxy itself speaks TLS", async () => {
    await givenSecure({}, { wants: LOGIN, tls: authority.forServer() });
    machine.env["HTTPS_PROXY"] = `https://carrier:hunter2@${proxy.host}`;
    expect(await fetchBytes(appAt("reg.test"), LAYER.descriptor)).toEqual(LAYER.bytes);
    expect(proxy.asked).toEqual(["CONNECT reg.test:443"]);
  });

  test("sends no password to a proxy whose certificate nobody vouches for, whoever else is not checked", async () => {
    const other = new TestAuthority("Other Authority");
    await givenSecure({}, { tls: other.forServer() });
    machine.env["HTTPS_PROXY"] = `https://carrier:hunter2@${proxy.host}`;
    await expect(fetchBytes(appAt("reg.test", { tls: { skipVerify: true } }), LAYER.descriptor)).rejects.toMatchObject({
      code: "UNREACHABLE",
    });
    expect(proxy.asked).toEqual([]);
  });
});

describe("plain HTTP through a proxy", () => {
  test("tells it the whole URL", async () => {
    registry = await startedRegistry();
    await givenProxy({ wants: LOGIN });
    machine.env["HTTP_PROXY"] = `http://carrier:hunter2@${proxy.host}`;
    const app = appAt("reg.test:5000", { plainHttp: () => true });
    expect(await fetchBytes(app, LAYER.descriptor)).toEqual(LAYER.bytes);
    await app.putBlob(LAYER.descriptor, opener(LAYER));
    expect(proxy.asked[0]).toBe(`GET http://reg.test:5000${BLOB}`);
    expect(registry.requests[0]?.headers.host).toBe("reg.test:5000");
  });

  test("warns of credentials, once", async () => {
    registry = await startRegistry({ quirks: { basicAccess: { username: "carrier", password: "secret" } } });
    putApp(registry);
    await givenProxy();
    machine.env["HTTP_PROXY"] = `http://${proxy.host}`;
    const events: OperationEvent[] = [];
    const credentials = async () => ({ username: "carrier", password: "secret", source: "the test" });
    const onEvent = (event: OperationEvent) => void events.push(event);
    const app = appAt("reg.test", { plainHttp: () => true, credentials, onEvent });
    await fetchBytes(app, LAYER.descriptor);
    await fetchBytes(app, LAYER.descriptor);
    const text = "credentials go to reg.test without TLS: anybody on the way can read them";
    expect(events.filter(({ type }) => type === "warning")).toEqual([{ type: "warning", text }]);
  });

  test("a wanted password is said to be the proxy's", async () => {
    registry = await startedRegistry();
    await givenProxy({ wants: LOGIN });
    machine.env["HTTP_PROXY"] = `http://carrier:wrong@${proxy.host}`;
    const app = appAt("reg.test", { plainHttp: () => true });
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: containing(`the proxy ${proxy.host} gave no connection, but 407`),
    });
    expect(registry.requests).toEqual([]);
  });
});

test("this machine is never reached through a proxy", async () => {
  registry = await startedRegistry();
  await givenProxy({ refusesWith: 500 });
  machine.env["HTTP_PROXY"] = `http://${proxy.host}`;
  expect(await fetchBytes(appAt(registry.host), LAYER.descriptor)).toEqual(LAYER.bytes);
  expect(proxy.asked).toEqual([]);
});

describe("a proxy that gives no connection", () => {
  test.each([
    [407, 1, "put the user and the password into HTTPS_PROXY"],
    [403, 1, "if reg.test needs no proxy, add it to NO_PROXY"],
    [503, 3, "if reg.test needs no proxy, add it to NO_PROXY"],
  ])("but %i is tried %i times, and said without its password", async (refusesWith, tries, hint) => {
    await givenSecure({}, { refusesWith, goesOn: true });
    machine.env["HTTPS_PROXY"] = `http://carrier:hunter2@${proxy.host}`;
    const error: unknown = await fetchBytes(appAt("reg.test", { retry: { tries: 3 } }), LAYER.descriptor).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({
      code: "UNREACHABLE",
      message: containing(`the proxy ${proxy.host} gave no connection, but ${refusesWith}`),
      hint: containing(hint),
    });
    expect(JSON.stringify([error, String(error), String((error as Error).cause)])).not.toMatch(/hunter2|Y2Fycmllcj/);
    expect(proxy.asked).toHaveLength(tries);
    expect(registry.requests).toEqual([]);
  });

  test("because it is not there is an error that names it", async () => {
    await givenSecure();
    const { host } = proxy;
    await proxy[Symbol.asyncDispose]();
    machine.env["HTTPS_PROXY"] = `http://carrier:hunter2@${host}`;
    await expect(fetchBytes(appAt("reg.test"), LAYER.descriptor)).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: containing(`the proxy ${host} gave no connection: connect ECONNREFUSED`),
    });
    proxy = await TestProxy.start({ to: registry.host });
  });

  test("because it says nothing does not keep a client that is closed", async () => {
    await givenSecure({}, { isSilent: true });
    machine.env["HTTPS_PROXY"] = `http://${proxy.host}`;
    const controller = new AbortController();
    const fetched = fetchBytes(appAt("reg.test"), LAYER.descriptor, { signal: controller.signal });
    await proxy.isAsked();
    controller.abort(new Error("stop"));
    await expect(fetched).rejects.toThrow("stop");
    await client[Symbol.asyncDispose]();
    await proxy.hasLeft();
  });
});
