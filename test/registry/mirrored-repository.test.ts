import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf, type Reference } from "../../src/oci/index.js";
import {
  type ImageSource,
  isMirroredSource,
  isReferrerLister,
  isTagLister,
  type OperationEvent,
} from "../../src/ports/index.js";
import type { RegistryClient, RegistryClientOptions } from "../../src/registry/index.js";
import type { Quirks, RegistryServer } from "../../src/registry-server/index.js";
import { TestAuthority } from "../support/certificates.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import { TestMachine } from "../support/surroundings.js";
import { TestProxy } from "../support/test-proxy.js";
import { startTlsRegistry } from "../support/tls-registry.js";
import { containing, content, impatientClient, LAYER, MANIFEST, putApp, startedRegistry } from "./fixture.js";

const CONF = "etc/containers/registries.conf";
const BLOB = `blobs/${LAYER.descriptor.digest}`;
const BY_DIGEST = `manifests/${MANIFEST.descriptor.digest}`;

let origin: RegistryServer;
let mirror: RegistryServer;
let machine: TestMachine;
let client: RegistryClient;
let events: OperationEvent[];

beforeEach(async () => {
  origin = await startedRegistry();
  mirror = await startedRegistry();
  putApp(mirror, "hub/app");
  machine = await TestMachine.create();
  events = [];
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await origin.close();
  await mirror.close();
  await machine[Symbol.asyncDispose]();
});

function reference(): Reference {
  return { registry: origin.host, repository: "app", tag: "1" };
}

/** The origin, with the mirror before it, which has all in `hub/`. */
async function mirrored(settings = "", options: RegistryClientOptions = {}): Promise<ImageSource> {
  const conf = `[[registry]]\nlocation = "${origin.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}/hub"\n${settings}\n`;
  await machine.write({ [CONF]: conf });
  return await sourceWith(options);
}

async function sourceWith(options: RegistryClientOptions = {}): Promise<ImageSource> {
  const onEvent = (event: OperationEvent) => void events.push(event);
  client = impatientClient({ surroundings: machine.surroundings, onEvent, ...options });
  return await client.source(reference());
}

function warnings(): string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.text] : []));
}

function giver(source: ImageSource): string | undefined {
  return isMirroredSource(source) ? source.giverOf(MANIFEST.descriptor) : undefined;
}

async function tagsOf(source: ImageSource): Promise<string[]> {
  const tags: string[] = [];
  if (isTagLister(source)) for await (const tag of source.tags()) tags.push(tag);
  return tags;
}

test("without mirrors, the source is the registry", async () => {
  const source = await sourceWith();
  expect(await source.resolve(reference())).toEqual(MANIFEST.descriptor);
  expect(isMirroredSource(source)).toBe(false);
});

test("mirrors that are not wanted are not looked for", async () => {
  await machine.write({ [CONF]: "garbage" });
  const source = await sourceWith({ mirrors: false });
  expect(await source.resolve(reference())).toEqual(MANIFEST.descriptor);
});

describe("a mirror", () => {
  test("gives all that it has, and is named as who gave it", async () => {
    const source = await mirrored();
    expect(giver(source)).toBeUndefined();
    const root = await source.resolve(reference());
    expect((await source.fetchManifest(root)).bytes).toEqual(MANIFEST.bytes);
    expect(await fetchBytes(source, LAYER.descriptor)).toEqual(LAYER.bytes);
    expect(mirror.requestLines()).toEqual([
      "HEAD /v2/hub/app/manifests/1 200",
      `GET /v2/hub/app/${BY_DIGEST} 200`,
      `GET /v2/hub/app/${BLOB} 200`,
    ]);
    expect(origin.requests).toEqual([]);
    expect(giver(source)).toBe(`${mirror.host}/hub/app`);
    expect(warnings()).toEqual([]);
  });

  test("that lacks something is no error: the registry is asked", async () => {
    const source = await mirrored();
    mirror.restage({ missingBlobs: true });
    await source.resolve(reference());
    expect(await fetchBytes(source, LAYER.descriptor)).toEqual(LAYER.bytes);
    expect(origin.requestLines()).toEqual([`GET /v2/app/${BLOB} 200`]);
    expect(warnings()).toEqual([]);
  });

  test.each<[string, Quirks, string]>([
    ["wants a login", { basicAccess: { username: "u", password: "p" } }, "got 401"],
    ["fails", { unavailable: 99 }, "got 503"],
    ["cuts the connection", { cutBlobs: true }, "got no whole answer"],
    ["sends wrong bytes", { wrongBlobBytes: true }, "got bytes with digest"],
    ["sends too many bytes", { longBlobs: true }, "expected 20 bytes"],
    ["redirects without end", { redirectsBlobs: "SELF" }, "more than 10 redirects"],
  ])("that %s is passed over with a warning", async (_what, quirks, message) => {
    const source = await mirrored("", { retry: { tries: 2 } });
    const self = quirks.redirectsBlobs === "SELF" ? { redirectsBlobs: `http://${mirror.host}` } : quirks;
    mirror.restage(self);
    expect(await fetchBytes(source, LAYER.descriptor)).toEqual(LAYER.bytes);
    expect(origin.requestLines()).toEqual([`GET /v2/app/${BLOB} 200`]);
    expect(warnings()).toEqual([containing(`the mirror ${mirror.host}/hub/app is passed over: `)]);
    expect(warnings()[0]).toContain(message);
  });

  test("that sends a wrong manifest is passed over, and not named as who gave it", async () => {
    const source = await mirrored();
    mirror.restage({ wrongManifestBytes: true });
    const root = await source.resolve(reference());
    await source.fetchManifest(root);
    expect(giver(source)).toBe(`${origin.host}/app`);
    expect(warnings()).toHaveLength(1);
  });

  test("that is not there is asked once in a run", async () => {
    const source = await mirrored("", { retry: { tries: 1 } });
    mirror.restage({ unavailable: 99 });
    await source.resolve(reference());
    await fetchBytes(source, LAYER.descriptor);
    await (await client.source(reference())).resolve(reference());
    expect(mirror.requests).toHaveLength(1);
    expect(origin.requests).toHaveLength(3);
    expect(warnings()).toHaveLength(1);
  });

  test("is asked what a tag means only if it may say so", async () => {
    const source = await mirrored('pull-from-mirror = "digest-only"');
    const root = await source.resolve(reference());
    await source.fetchManifest(root);
    expect(origin.requestLines()).toEqual(["HEAD /v2/app/manifests/1 200"]);
    expect(mirror.requestLines()).toEqual([`GET /v2/hub/app/${BY_DIGEST} 200`]);
  });

  test("is told for whom it stands, if it is containerd's", async () => {
    await machine.write({
      [`etc/containerd/certs.d/${origin.host}/hosts.toml`]: `[host."http://${mirror.host}/v2/hub"]\noverride_path = true\n`,
    });
    await (await sourceWith()).resolve(reference());
    const ns = encodeURIComponent(origin.host);
    expect(mirror.requestLines()).toEqual([`HEAD /v2/hub/app/manifests/1?ns=${ns} 200`]);
  });
});

test("what nobody has is the registry's error", async () => {
  const source = await mirrored();
  await expect(source.resolve({ ...reference(), tag: "2" })).rejects.toMatchObject({
    code: "NOT_FOUND",
    message: containing(`got 404 Not Found from ${origin.host}`),
  });
});

test("what the taker fails with ends it: no other place is asked", async () => {
  const source = await mirrored();
  const full = new Error("the medium is full");
  await expect(source.fetchBlob(LAYER.descriptor, () => Promise.reject(full))).rejects.toBe(full);
  expect(origin.requests).toEqual([]);
});

test("an abort ends it: no other place is asked", async () => {
  const source = await mirrored();
  mirror.restage({ stalledBlobs: true });
  const controller = new AbortController();
  const take = async () => void setImmediate(() => controller.abort(new Error("stop")));
  await expect(source.fetchBlob(LAYER.descriptor, take, { signal: controller.signal })).rejects.toThrow("stop");
  expect(origin.requests).toEqual([]);
  expect(warnings()).toEqual([]);
});

test("each place gets its own credentials, and never another's", async () => {
  const user = (name: string) => ({ username: name, password: `${name}'s secret` });
  const asked: string[] = [];
  const source = await mirrored("", {
    credentials: async (registry) => {
      asked.push(registry);
      return { ...user(registry === mirror.host ? "mirror" : "origin"), source: "the test" };
    },
  });
  mirror.restage({ basicAccess: user("mirror"), missingBlobs: true });
  origin.restage({ basicAccess: user("origin") });
  await fetchBytes(source, LAYER.descriptor);
  const sent = (server: RegistryServer) =>
    server.requests.map(({ headers }) => Buffer.from((headers.authorization ?? "").slice(6), "base64").toString());
  expect(sent(mirror)).toEqual(["", "mirror:mirror's secret"]);
  expect(sent(origin)).toEqual(["", "origin:origin's secret"]);
  expect(new Set(asked)).toEqual(new Set([mirror.host, origin.host]));
});

describe("referrers and tags", () => {
  const SIGNATURE = content(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST.descriptor.mediaType,
      artifactType: "application/vnd.test.signature",
      config: LAYER.descriptor,
      layers: [],
      subject: MANIFEST.descriptor,
    }),
    MANIFEST.descriptor.mediaType,
  );

  test("are asked of the registry first: caches know of none", async () => {
    const source = await mirrored();
    origin.storage.putManifest("app", SIGNATURE.descriptor.digest, MANIFEST.descriptor.mediaType, SIGNATURE.bytes);
    origin.storage.putManifest("app", "2", MANIFEST.descriptor.mediaType, MANIFEST.bytes);
    const { referrers } = isReferrerLister(source) ? await source.referrers(MANIFEST.descriptor) : { referrers: [] };
    expect(referrers.map(({ descriptor }) => descriptor.digest)).toEqual([digestOf(SIGNATURE.bytes)]);
    expect(await tagsOf(source)).toEqual(["1", "2"]);
    expect(mirror.requests).toEqual([]);
  });

  test("come from a mirror where the registry cannot be reached, and that is said", async () => {
    const source = await mirrored("", { retry: { tries: 1 } });
    mirror.storage.putManifest("hub/app", SIGNATURE.descriptor.digest, MANIFEST.descriptor.mediaType, SIGNATURE.bytes);
    origin.restage({ unavailable: 99 });
    const listing = isReferrerLister(source) ? await source.referrers(MANIFEST.descriptor) : undefined;
    expect(listing?.referrers.map(({ descriptor }) => descriptor.digest)).toEqual([SIGNATURE.descriptor.digest]);
    expect(listing?.refusals).toMatchObject([{ code: "REGISTRY_FAILED" }]);
    expect(await tagsOf(source)).toEqual(["1"]);
  });
});

describe("an insecure registry", () => {
  const said = (host: string) =>
    `nobody checks who answers as ${host}: the configuration of registries calls it insecure`;

  test("is asked with TLS that nobody checks, and that is said once", async () => {
    const { registry } = await startTlsRegistry(new TestAuthority().forServer(["elsewhere.test"]));
    putApp(registry);
    try {
      const hosts = `[host."https://${registry.host}"]\nskip_verify = true\n`;
      await machine.write({ [`etc/containerd/certs.d/${origin.host}/hosts.toml`]: hosts });
      await (await sourceWith()).resolve(reference());
      await client.source(reference());
      expect(registry.requests).toHaveLength(1);
      expect(warnings()).toEqual([said(registry.host)]);
    } finally {
      await registry.close();
    }
  });

  test("that speaks no TLS is asked without, from then on", async () => {
    await using proxy = await TestProxy.start({ to: origin.host });
    machine.env["HTTP_PROXY"] = machine.env["HTTPS_PROXY"] = `http://${proxy.host}`;
    await machine.write({ [CONF]: '[[registry]]\nlocation = "reg.test"\ninsecure = true\n' });
    await sourceWith();
    const source = await client.source({ ...reference(), registry: "reg.test" });
    await source.resolve(reference());
    await source.fetchManifest(MANIFEST.descriptor);
    expect(proxy.asked).toEqual([
      "CONNECT reg.test:443",
      "HEAD http://reg.test/v2/app/manifests/1",
      `GET http://reg.test/v2/app/${BY_DIGEST}`,
    ]);
    expect(giver(source)).toBe("reg.test/app");
    expect(warnings()).toEqual([said("reg.test")]);
  });
});

describe("a blob of which bytes are held", () => {
  const held = {
    length: 8,
    read: async (position: number, length: number) => Buffer.from(LAYER.bytes.subarray(position, position + length)),
  };
  const taking = (takes: number[]) => async (_chunk: Uint8Array, position: number) => void takes.push(position);

  test("goes on from there at the mirror, and at the next place when the mirror breaks off", async () => {
    const source = await mirrored("", { retry: { tries: 1 } });
    mirror.restage({ cutBlobs: true });
    const takes: number[] = [];
    await source.fetchBlob(LAYER.descriptor, taking(takes), { held });
    expect([mirror, origin].map(({ requests }) => requests.map(({ headers }) => headers.range))).toEqual([
      ["bytes=8-"],
      ["bytes=8-"],
    ]);
    expect(takes).toEqual([8, 8]);
  });

  test("asks nobody if it is all held", async () => {
    const source = await mirrored();
    const whole = { ...held, length: LAYER.bytes.length };
    await source.fetchBlob(LAYER.descriptor, taking([]), { held: whole });
    expect([...mirror.requests, ...origin.requests]).toEqual([]);
  });
});

describe("a blob whose bytes must be given once only", () => {
  const take = async (): Promise<void> => undefined;

  test("comes from the next place if the mirror gives nothing of it", async () => {
    const source = await mirrored("", { retry: { tries: 1 } });
    mirror.restage({ missingBlobs: true });
    await source.fetchBlob(LAYER.descriptor, take, { once: true });
    expect(origin.requestLines()).toHaveLength(1);
  });

  test("fails if the mirror breaks off in its middle", async () => {
    const source = await mirrored("", { retry: { tries: 1 } });
    mirror.restage({ cutBlobs: true });
    await expect(source.fetchBlob(LAYER.descriptor, take, { once: true })).rejects.toMatchObject({
      code: "UNREACHABLE",
    });
    expect(origin.requestLines()).toEqual([]);
  });
});
