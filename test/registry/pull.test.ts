import { describe, expect, test } from "vitest";
import { digestOf, MEDIA_TYPE, type Reference } from "../../src/oci/index.js";
import type { Quirks } from "../../src/registry-server/index.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import { containing, content, LAYER, MANIFEST } from "./fixture.js";
import { given, registry } from "./stage.js";

function tagged(tag: string): Reference {
  return { registry: registry.host, repository: "app", tag };
}

const BY_DIGEST = `/v2/app/manifests/${MANIFEST.descriptor.digest}`;
const BLOB = `/v2/app/blobs/${LAYER.descriptor.digest}`;

describe("pulling", () => {
  test("asks for a tag once, and for everything else by digest", async () => {
    const app = await given();
    const descriptor = await app.resolve(tagged("1"));
    const manifest = await app.fetchManifest(descriptor);
    const blob = await fetchBytes(app, LAYER.descriptor);
    expect(descriptor).toEqual(MANIFEST.descriptor);
    expect(Buffer.from(manifest.bytes)).toEqual(MANIFEST.bytes);
    expect(blob).toEqual(LAYER.bytes);
    expect(registry.requestLines()).toEqual([
      "HEAD /v2/app/manifests/1 200",
      `GET ${BY_DIGEST} 200`,
      `GET ${BLOB} 200`,
    ]);
  });

  test("asks for blobs as they are stored", async () => {
    const app = await given();
    await fetchBytes(app, LAYER.descriptor);
    expect(registry.requests[0]?.headers).toMatchObject({ "accept-encoding": "identity", "user-agent": "sealift" });
  });

  test("keeps its connection after HEAD", async () => {
    const app = await given();
    await app.resolve(tagged("1"));
    expect(registry.requests[0]?.headers.connection).toBe("keep-alive");
  });

  test("passes a blob of many chunks on, byte for byte", async () => {
    const app = await given();
    const large = content(Buffer.alloc(5_000_000, "many chunks "));
    registry.storage.putBlob("app", large.bytes);
    const came = await fetchBytes(app, large.descriptor);
    expect(came.equals(large.bytes)).toBe(true);
  });

  test("stops the transfer when the taker fails, with its error, and does not try again", async () => {
    const app = await given();
    const take = async (): Promise<void> => {
      throw new Error("no more room");
    };
    await expect(app.fetchBlob(LAYER.descriptor, take)).rejects.toThrow("no more room");
    expect(registry.requestLines()).toEqual([`GET ${BLOB} 200`]);
  });
});

describe("resolving", () => {
  test("asks for every kind of manifest, and for schema 1, which it must know to refuse", async () => {
    const app = await given();
    await app.resolve(tagged("1"));
    const accepted = registry.requests[0]?.headers.accept?.split(", ");
    expect(accepted).toEqual([
      MEDIA_TYPE.ociIndex,
      MEDIA_TYPE.dockerManifestList,
      MEDIA_TYPE.ociManifest,
      MEDIA_TYPE.dockerManifest,
      "application/vnd.docker.distribution.manifest.v1+prettyjws",
      "application/vnd.docker.distribution.manifest.v1+json",
    ]);
  });

  test("follows the digest when there is a tag as well", async () => {
    const app = await given();
    const descriptor = await app.resolve({ ...tagged("absent"), digest: MANIFEST.descriptor.digest });
    expect(descriptor).toEqual(MANIFEST.descriptor);
    expect(registry.requestLines()).toEqual([`HEAD ${BY_DIGEST} 200`]);
  });

  test.each<[string, Quirks, string]>([
    ["is not supported", { refusesHead: true }, "405"],
    ["does not state the digest", { omitsDigest: true }, "200"],
  ])("reads the manifest where HEAD %s", async (_why, quirks, headStatus) => {
    const app = await given(quirks);
    expect(await app.resolve(tagged("1"))).toEqual(MANIFEST.descriptor);
    expect(registry.requestLines()).toEqual([`HEAD /v2/app/manifests/1 ${headStatus}`, "GET /v2/app/manifests/1 200"]);
  });

  test("refuses a manifest whose bytes are not those of the digest that was asked for", async () => {
    const app = await given({ refusesHead: true, wrongManifestBytes: true });
    const reference = { ...tagged("1"), digest: MANIFEST.descriptor.digest };
    await expect(app.resolve(reference)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  test("refuses a manifest whose bytes are not those of the digest that is stated", async () => {
    const app = await given({ refusesHead: true, wrongDigest: digestOf(Buffer.from("else")) });
    await expect(app.resolve(tagged("1"))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  test("refuses schema 1, and says what to do", async () => {
    const app = await given();
    const type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    registry.storage.putManifest("app", "old", type, Buffer.from("{}"));
    await expect(app.resolve(tagged("old"))).rejects.toMatchObject({
      code: "UNSUPPORTED_MANIFEST",
      message: `expected manifest old of ${registry.host}/app to be of schema 2 or OCI, got Docker schema 1`,
      hint: containing("current Docker"),
    });
  });

  test("refuses what is no manifest", async () => {
    const app = await given();
    registry.storage.putManifest("app", "page", "text/html; charset=utf-8", Buffer.from("<html>"));
    await expect(app.resolve(tagged("page"))).rejects.toMatchObject({
      code: "UNSUPPORTED_MANIFEST",
      message: containing('got media type "text/html"'),
    });
  });

  test("refuses a manifest that is larger than any registry must take", async () => {
    const app = await given();
    registry.storage.putManifest("app", "large", MEDIA_TYPE.ociManifest, Buffer.alloc(4 * 1024 * 1024 + 1));
    await expect(app.resolve(tagged("large"))).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
    registry.restage({ refusesHead: true });
    await expect(app.resolve(tagged("large"))).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });
});
