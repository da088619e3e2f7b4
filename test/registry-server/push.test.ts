import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf, MEDIA_TYPE } from "../../src/oci/index.js";
import { type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { exchange } from "./exchange.js";

const BLOB = Buffer.from("0123456789");
const DIGEST = digestOf(BLOB);
let registry: RegistryServer;

beforeEach(async () => {
  registry = await startRegistry();
});

afterEach(async () => await registry.close());

async function begin(query = ""): Promise<string> {
  const { status, headers } = await exchange(registry, "POST", `/v2/app/blobs/uploads/${query}`);
  expect(status).toBe(202);
  return String(headers.location);
}

function finish(location: string, body: Buffer | string = "", digest: string = DIGEST) {
  return exchange(registry, "PUT", `${location}&digest=${digest}`, { body });
}

describe("a blob", () => {
  test("is put whole", async () => {
    const { status, headers } = await finish(await begin(), BLOB);
    expect({ status, digest: headers["docker-content-digest"] }).toEqual({ status: 201, digest: DIGEST });
    expect(registry.storage.blob(DIGEST)).toEqual(BLOB);
    expect(registry.openUploads).toBe(0);
  });

  test("is put in chunks, each to the newest Location", async () => {
    const first = await begin();
    const patch = (location: string, body: string, range: string) =>
      exchange(registry, "PATCH", location, { body, headers: { "content-range": range } });
    const second = await patch(first, "0123", "0-3");
    expect(second).toMatchObject({ status: 202, headers: { range: "0-3" } });
    expect(await patch(first, "4567", "4-7")).toMatchObject({ status: 404 });
    expect(await patch(String(second.headers.location), "4567", "5-8")).toMatchObject({ status: 416 });
    const third = await patch(String(second.headers.location), "4567", "4-7");
    expect(await finish(String(third.headers.location), "89")).toMatchObject({ status: 201 });
    expect(registry.storage.blob(DIGEST)).toEqual(BLOB);
  });

  test.each<[string, string]>([
    ["another digest", digestOf(Buffer.from("else"))],
    ["no digest", ""],
  ])("with %s is not stored", async (_what, digest) => {
    const { status, body } = await finish(await begin(), BLOB, digest);
    expect(status).toBe(400);
    expect(body).toContain("DIGEST_INVALID");
    expect(registry.storage.hasBlob("app", DIGEST)).toBe(false);
  });

  test("is not put where no upload was begun, or where it was cancelled", async () => {
    const location = await begin();
    expect(await exchange(registry, "DELETE", location)).toMatchObject({ status: 204 });
    expect(await exchange(registry, "DELETE", location)).toMatchObject({ status: 404 });
    expect(await finish(location, BLOB)).toMatchObject({ status: 404 });
  });

  test("is mounted from where it is, and only from there", async () => {
    registry.storage.putBlob("base", BLOB);
    expect(await begin(`?mount=${DIGEST}&from=absent`)).toContain("/uploads/1");
    const mounted = await exchange(registry, "POST", `/v2/app/blobs/uploads/?mount=${DIGEST}&from=base`);
    expect(mounted).toMatchObject({ status: 201, headers: { location: `/v2/app/blobs/${DIGEST}` } });
    expect(registry.storage.hasBlob("app", DIGEST)).toBe(true);
  });
});

describe("a manifest", () => {
  const put = (reference: string, body: Buffer | string, type: string = MEDIA_TYPE.ociManifest) =>
    exchange(registry, "PUT", `/v2/app/manifests/${reference}`, { body, headers: { "content-type": type } });
  const descriptor = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
  const layer = descriptor(MEDIA_TYPE.ociLayer, BLOB);
  const image = (layers: unknown[]) =>
    Buffer.from(JSON.stringify({ schemaVersion: 2, config: descriptor(MEDIA_TYPE.ociConfig, BLOB), layers }));

  test("is stored as it came, by its digest and by its tag", async () => {
    registry.storage.putBlob("app", BLOB);
    const bytes = image([layer]);
    expect(await put(digestOf(bytes), bytes)).toMatchObject({ status: 201 });
    expect(registry.storage.tags("app")).toEqual([]);
    expect(await put("v1", bytes)).toMatchObject({
      status: 201,
      headers: { "docker-content-digest": digestOf(bytes) },
    });
    expect(registry.storage.manifest("app", "v1")?.bytes).toEqual(bytes);
  });

  test("waits for its blobs, but not for those that must not be distributed", async () => {
    expect(await put("v1", image([layer]))).toMatchObject({
      status: 400,
      body: expect.stringContaining("BLOB_UNKNOWN") as string,
    });
    registry.storage.putBlob("app", BLOB);
    const foreign = { ...layer, mediaType: MEDIA_TYPE.dockerForeignLayerGzip, digest: digestOf(Buffer.from("far")) };
    expect(await put("v1", image([layer, foreign]))).toMatchObject({ status: 201 });
  });

  test("that is an index waits for its manifests", async () => {
    registry.storage.putBlob("app", BLOB);
    const child = image([]);
    const manifests = [descriptor(MEDIA_TYPE.ociManifest, child)];
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
    expect(await put("v1", index, MEDIA_TYPE.ociIndex)).toMatchObject({ status: 400 });
    await put(digestOf(child), child);
    expect(await put("v1", index, MEDIA_TYPE.ociIndex)).toMatchObject({ status: 201 });
  });

  test.each<[string, string, string | Buffer, number]>([
    ["no JSON", "v1", "no", 400],
    ["another digest", digestOf(BLOB), "{}", 400],
    ["no tag", ".v1", "{}", 400],
    ["more than 4 MiB", "v1", Buffer.alloc(4 * 1024 * 1024 + 1), 413],
  ])("with %s is refused", async (_what, reference, body, status) => {
    expect(await put(reference, body)).toMatchObject({ status });
    expect(registry.storage.tags("app")).toEqual([]);
  });
});
