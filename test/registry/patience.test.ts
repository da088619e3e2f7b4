import { once } from "node:events";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import type { OperationEvent } from "../../src/ports/index.js";
import { RegistryClient, type RegistryClientOptions, type RegistryRepository } from "../../src/registry/index.js";
import { type Quirks, type RegistryServer } from "../../src/registry-server/index.js";
import { failureOf } from "../support/errors.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import {
  type Content,
  containing,
  content,
  impatientClient,
  LAYER,
  MANIFEST,
  matching,
  opener,
  startedRegistry,
} from "./fixture.js";

let registry: RegistryServer | undefined;
let server: Server | undefined;
let client: RegistryClient;
let waits: number[];
let events: OperationEvent[];

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await registry?.close();
  server?.closeAllConnections();
  server?.close();
  registry = server = undefined;
});

function makeClient(options: RegistryClientOptions): void {
  waits = [];
  events = [];
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  const onEvent = (event: OperationEvent): void => void events.push(event);
  client = impatientClient({ onEvent, ...options, retry: { sleep, ...options.retry } });
}

async function given(quirks: Quirks, options: RegistryClientOptions = {}): Promise<RegistryRepository> {
  registry = await startedRegistry(quirks);
  registry.storage.putBlob("app", LARGE.bytes);
  makeClient(options);
  return client.repository(registry.host, "app");
}

/** A server of its own kind. */
async function givenServer(answer: RequestListener, options: RegistryClientOptions = {}): Promise<RegistryRepository> {
  server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  makeClient(options);
  return client.repository(`127.0.0.1:${(server.address() as AddressInfo).port}`, "app");
}

function requests(): string[] {
  return registry?.requests.map(({ method, headers, status }) => `${method} ${headers.range ?? "all"} ${status}`) ?? [];
}

const LARGE = content(Buffer.alloc(100_000, "some bytes "));
// Long enough for what is at hand to arrive on a busy machine.
const SOON = { headers: 300, body: 300, upload: 300, whole: 2000 };

describe("a registry that does not come to an end", () => {
  test("with a blob, byte by byte, is left, and asked for the rest", async () => {
    const app = await given({ dripsBlobs: true }, { timeouts: SOON, retry: { tries: 2 } });
    const failure = await failureOf(() => fetchBytes(app, LARGE.descriptor));
    expect(failure).toMatchObject({ code: "UNREACHABLE", message: containing("less than 0.3 kB came within 0.3 s") });
    expect(requests()).toEqual(["GET all 200", matching(/^GET bytes=5\d{4}- 206$/)]);
  });

  test("with a blob, and says nothing more, is left, and asked for the rest", async () => {
    const app = await given({ stallsAfter: { bytes: 50_000, times: 1 } }, { timeouts: SOON });
    expect(await fetchBytes(app, LARGE.descriptor)).toEqual(LARGE.bytes);
    expect(requests()).toEqual(["GET all 200", "GET bytes=50000- 206"]);
  });

  test.each(["fetching", "sending"])("with an error, byte by byte, is left when %s a blob", async (what) => {
    const app = await given({ dripsErrors: true }, { timeouts: SOON });
    const isFetching = what === "fetching";
    // Neither there, nor of this digest.
    const { descriptor } = content("other bytes of its own");
    const failure = await failureOf(() =>
      isFetching ? fetchBytes(app, descriptor) : app.putBlob(descriptor, opener(content("bytes of the same size"))),
    );
    expect(failure.code).toBe(isFetching ? "NOT_FOUND" : "DENIED");
    expect(registry?.requests).toHaveLength(isFetching ? 1 : 2);
  });

  test("with an error of 4 GiB is left after its first words", async () => {
    let sent = 0;
    const flood = (response: ServerResponse): void => {
      const block = Buffer.alloc(64 * 1024, "x");
      const more = (): void => {
        while (!response.destroyed && response.write(block)) sent += block.length;
        sent += block.length;
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    };
    const app = await givenServer((_request, response) => {
      response.writeHead(403, { "content-length": 4 * 2 ** 30 });
      flood(response);
    });
    for (const fetch of [() => fetchBytes(app, LAYER.descriptor), () => app.fetchManifest(MANIFEST.descriptor)]) {
      const failure = await failureOf(fetch);
      expect(failure).toMatchObject({ code: "DENIED", message: matching(/"x{200}…"$/) });
    }
    // What the sockets of both sides hold comes on top.
    expect(sent).toBeLessThan(64 * 2 ** 20);
  });
});

describe("an upload", () => {
  // More than the sockets of both sides hold.
  const HUGE = content(Buffer.alloc(60_000_000));

  /** Gives a blob in pieces, as a bundle's file does. */
  function* pieces({ bytes }: Content): Generator<Buffer> {
    for (let at = 0; at < bytes.length; at += 500_000) yield bytes.subarray(at, at + 500_000);
  }

  test("that the line does not take on is given up, and begun anew", async () => {
    const app = await given({ stallsUploads: true }, { timeouts: SOON, retry: { tries: 2 } });
    const failure = await failureOf(() =>
      app.putBlob(HUGE.descriptor, async () => Readable.from(pieces(HUGE), { objectMode: false })),
    );
    expect(failure).toMatchObject({ code: "UNREACHABLE", message: containing("no byte could be sent for 0.3 s") });
    expect(registry?.requests.map(({ method, status }) => `${method} ${status}`)).toEqual([
      "POST 202",
      "PUT undefined",
      "POST 202",
      "PUT undefined",
    ]);
  });

  test("that the registry takes long to store is waited for, longer than for any other answer", async () => {
    let store: () => void = () => undefined;
    const commits = new Promise<void>((resolve) => {
      store = resolve;
    });
    const app = await given({ commits, silent: true }, { timeouts: { headers: 50 }, retry: { tries: 1 } });
    const put = app.putBlob(LARGE.descriptor, opener(LARGE));
    await expect(app.fetchManifest(MANIFEST.descriptor)).rejects.toMatchObject({ code: "UNREACHABLE" });
    store();
    await put;
    expect(registry?.requests.map(({ method, status }) => `${method} ${status}`).sort()).toEqual([
      "GET undefined",
      "POST 202",
      "PUT 201",
    ]);
  });

  test("whose token has expired by the time of the PUT is sent again with a new one", async () => {
    const app = await given({ tokenAccess: { uses: 1 } });
    const sent: number[] = [];
    await app.putBlob(LARGE.descriptor, async () => {
      sent.push(LARGE.bytes.length);
      return await opener(LARGE)();
    });
    expect(registry?.requests.map(({ method, status }) => `${method} ${status}`)).toEqual([
      "POST 401",
      "GET 200",
      "POST 202",
      "PUT 401",
      "GET 200",
      "PUT 201",
    ]);
    expect(sent).toHaveLength(2);
  });
});

describe("a manifest that breaks off", () => {
  test("is asked for again", async () => {
    const app = await given({ cutManifests: 2 });
    const { bytes } = await app.fetchManifest(MANIFEST.descriptor);
    expect(Buffer.from(bytes)).toEqual(MANIFEST.bytes);
    expect(registry?.requests).toHaveLength(3);
  });

  test("is asked for again where only GET says what a tag is", async () => {
    const app = await given({ cutManifests: 2, refusesHead: true });
    const reference = { registry: registry?.host ?? "", repository: "app", tag: "1" };
    expect(await app.resolve(reference)).toEqual(MANIFEST.descriptor);
    expect(registry?.requests.map(({ method }) => method)).toEqual(["HEAD", "GET", "GET", "GET"]);
  });
});

describe("what is said of waits", () => {
  test("that the registry asks for, once for all that wait at the same time", async () => {
    const app = await given({ rateLimited: { times: 4, retryAfter: "30" } });
    await Promise.all([1, 2, 3, 4].map(async () => await fetchBytes(app, LAYER.descriptor)));
    expect(waits).toEqual([30_000, 30_000, 30_000, 30_000]);
    expect(events).toEqual([{ type: "warning", text: `${registry?.host} asks to wait 30 s (429 Too Many Requests)` }]);
  });

  test("of its own choice, once they are long enough to notice", async () => {
    const app = await given({ unavailable: 99 }, { retry: { tries: 9 } });
    await failureOf(() => app.fetchManifest(MANIFEST.descriptor));
    expect(waits).toHaveLength(8);
    expect(events[0]).toEqual({
      type: "warning",
      text: matching(/^expected manifest sha256:.* got 503 Service Unavailable from .*; trying again in \d+ s$/),
    });
  });

  test("nothing when they are short", async () => {
    const app = await given({ unavailable: 2 });
    await app.fetchManifest(MANIFEST.descriptor);
    expect(waits).toHaveLength(2);
    expect(events).toEqual([]);
  });
});

describe("redirects", () => {
  test("in a circle between two servers are followed ten times", async () => {
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    let redirects = 0;
    const app = await givenServer((request, response) => {
      redirects += 1;
      const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}${request.url ?? ""}`;
      response.writeHead(302, { location }).end();
    });
    other.on("request", (request, response) => {
      redirects += 1;
      const location = `http://127.0.0.1:${(server?.address() as AddressInfo).port}${request.url ?? ""}`;
      response.writeHead(302, { location }).end();
    });
    try {
      const failure = await failureOf(() => fetchBytes(app, LAYER.descriptor));
      expect(failure).toMatchObject({ code: "REGISTRY_PROTOCOL", message: containing("more than 10 redirects") });
      expect(redirects).toBe(11);
      expect(waits).toEqual([]);
    } finally {
      other.closeAllConnections();
      other.close();
    }
  });
});

describe("the time a registry may be silent", () => {
  test.each([
    [{}, 60_000, 300_000, 300_000, 900_000],
    [{ silence: 10_000 }, 10_000, 10_000, 300_000, 900_000],
    [{ silence: 3_600_000 }, 3_600_000, 3_600_000, 3_600_000, 3_600_000],
  ])("%j leaves uploads and commits their own", async (options, body, headers, upload, commit) => {
    const { HttpClient } = await import("../../src/registry/http.js");
    makeClient({});
    await using http = new HttpClient(options);
    expect(http.timeouts).toEqual({ body, headers, upload, commit, whole: commit });
  });
});
