import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { type RegistryClientOptions, type RegistryRepository } from "../../src/registry/index.js";
import { type Quirks, startRegistry } from "../../src/registry-server/index.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import { containing, LAYER, MANIFEST, matching } from "./fixture.js";
import { client, given as givenBy, registry } from "./stage.js";

let waits: number[];

async function given(quirks: Quirks, options: RegistryClientOptions = {}): Promise<RegistryRepository> {
  waits = [];
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  return await givenBy(quirks, { retry: { sleep }, ...options });
}

const BLOB = `/v2/app/blobs/${LAYER.descriptor.digest}`;

describe("trying again", () => {
  test("outlasts a registry that restarts", async () => {
    const app = await given({ unavailable: 2 });
    expect(await fetchBytes(app, LAYER.descriptor)).toEqual(LAYER.bytes);
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 503`, `GET ${BLOB} 503`, `GET ${BLOB} 200`]);
    expect(waits).toHaveLength(2);
  });

  test("ends after six times", async () => {
    const app = await given({ unavailable: 9 });
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({
      code: "REGISTRY_FAILED",
      message: containing("got 503 Service Unavailable from 127.0.0.1"),
    });
    expect(registry.requests).toHaveLength(6);
  });

  test("waits as long as the registry asks", async () => {
    const app = await given({ rateLimited: { times: 1, retryAfter: "7" } });
    await app.fetchManifest(MANIFEST.descriptor);
    expect(waits).toEqual([7000]);
  });

  test("waits until the time the registry names", async () => {
    const retryAfter = new Date(Date.now() + 30_000).toUTCString();
    const app = await given({ rateLimited: { times: 1, retryAfter } });
    await app.fetchManifest(MANIFEST.descriptor);
    expect(waits[0]).toBeGreaterThan(20_000);
    expect(waits[0]).toBeLessThanOrEqual(30_000);
  });

  test("does not wait for a time it cannot read", async () => {
    const app = await given({ rateLimited: { times: 1, retryAfter: "soon" } });
    await app.fetchManifest(MANIFEST.descriptor);
    expect(waits[0]).toBeLessThanOrEqual(500);
  });

  test.each(["-5", "985.86µs", "1e9", "5, 7", "2099-01-01", "Thu, 01 Jan 1970 00:00:00 GMT"])(
    "does not wait for %j, which is no time to come",
    async (retryAfter) => {
      const app = await given({ rateLimited: { times: 1, retryAfter: Buffer.from(retryAfter).toString("latin1") } });
      await app.fetchManifest(MANIFEST.descriptor);
      expect(waits[0]).toBeLessThanOrEqual(500);
    },
  );

  test.each([
    ["a year", "31536000", "365 days"],
    ["a number without an end", "9".repeat(300), "days"],
    ["a date in a year", new Date(Date.now() + 365 * 86_400_000).toUTCString(), "365 days"],
    ["ten minutes", "600", "10 min"],
  ])("does not even begin to wait for %s, and says what was asked", async (_what, retryAfter, span) => {
    const app = await given({ rateLimited: { times: 1, retryAfter } });
    await expect(app.fetchManifest(MANIFEST.descriptor)).rejects.toMatchObject({
      code: "DENIED",
      message: containing("429 Too Many Requests"),
      hint: containing(span),
    });
    expect(waits).toEqual([]);
    expect(registry.requests).toHaveLength(1);
  });

  test("a limit that stays is an error with advice", async () => {
    const app = await given({ rateLimited: { times: 9, retryAfter: "1" } });
    await expect(app.fetchManifest(MANIFEST.descriptor)).rejects.toMatchObject({
      code: "DENIED",
      message: containing("429 Too Many Requests"),
      hint: containing("sealift login"),
    });
  });

  test("does not help against what is absent", async () => {
    const app = await given({});
    await expect(app.resolve({ registry: registry.host, repository: "app", tag: "2" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `expected manifest 2 of ${registry.host}/app, got 404 Not Found from ${registry.host}`,
    });
    expect(registry.requests).toHaveLength(1);
  });
});

describe("an error's words", () => {
  const flood = "x".repeat(30_000_000);

  test.each<[string, string, RegExp]>([
    ["HTML", "<html>\r\n<h1>Bad gateway</h1></html>", /: "<html> <h1>Bad gateway<\/h1><\/html>"$/],
    ["nothing", "", /got 404 Not Found from 127\.0\.0\.1:\d+$/],
    ["terminal controls", "\u001b[2J\u0007", /: "\\u001b\[2J\\u0007"$/],
    ["JSON of another form", '{"errors":"no"}', /: "\{\\"errors\\":\\"no\\"\}"$/],
    ["codes that are no text", '{"errors":[{"code":7,"message":{}}]}', /127\.0\.0\.1:\d+$/],
    ["a flood", flood, /: "x{200}…"$/],
    ["many errors", JSON.stringify({ errors: Array(9).fill({ code: "A", message: "b" }) }), /: A "b"; A "b"; A "b"$/],
  ])("may be %s", async (_what, errorBody, expected) => {
    const app = await given({ missingBlobs: true, errorBody });
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: matching(expected),
    });
  });
});

describe("no answer", () => {
  async function givenDeadHost(): Promise<RegistryRepository> {
    await given({});
    const { host } = await startRegistry().then(async (dead) => {
      await dead.close();
      return dead;
    });
    return client.repository(host, "app");
  }

  test("from a port where nobody listens", async () => {
    const app = await givenDeadHost();
    await expect(app.fetchManifest(MANIFEST.descriptor)).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: containing("ECONNREFUSED"),
      hint: containing("check that the registry runs"),
    });
    expect(waits).toHaveLength(5);
  });

  test("from a registry without TLS that is asked with it", async () => {
    const app = await given({}, { plainHttp: () => false });
    await expect(app.fetchManifest(MANIFEST.descriptor)).rejects.toMatchObject({
      code: "UNREACHABLE",
      hint: containing("plain HTTP"),
    });
    expect(waits).toEqual([]);
  });

  test("from something that is no registry", async () => {
    await given({});
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => socket.end("500 5.5.1 Command unrecognized\r\n"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const app = client.repository(`127.0.0.1:${(server.address() as { port: number }).port}`, "app");
      await expect(app.fetchManifest(MANIFEST.descriptor)).rejects.toMatchObject({
        code: "UNREACHABLE",
        hint: containing("is a registry"),
      });
      expect(waits).toEqual([]);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

describe("the signal", () => {
  test("ends a request that nobody answers", async () => {
    const app = await given({ silent: true });
    const controller = new AbortController();
    const fetched = app.fetchManifest(MANIFEST.descriptor, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("stop")), 20);
    await expect(fetched).rejects.toThrow("stop");
  });

  test("ends a blob on its way", async () => {
    const app = await given({ stalledBlobs: true });
    const controller = new AbortController();
    const fetched = fetchBytes(app, LAYER.descriptor, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("stop")), 20);
    await expect(fetched).rejects.toThrow("stop");
  });

  test("that came before ends everything before it begins", async () => {
    const app = await given({});
    const signal = AbortSignal.abort(new Error("stop"));
    await expect(fetchBytes(app, LAYER.descriptor, { signal })).rejects.toThrow("stop");
    expect(registry.requests).toEqual([]);
  });
});
