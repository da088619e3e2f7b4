import { PassThrough, Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { SealiftError } from "../../src/errors/index.js";
import { digestOf } from "../../src/oci/index.js";
import { isBlobMounter } from "../../src/ports/index.js";
import type { RegistryRepository } from "../../src/registry/index.js";
import type { Quirks } from "../../src/registry-server/index.js";
import { CONFIG, type Content, containing, content, LAYER, MANIFEST, matching, opener } from "./fixture.js";
import { client, given as givenAt, registry } from "./stage.js";

async function given(quirks: Quirks = {}): Promise<RegistryRepository> {
  return await givenAt(quirks, {}, "mirror/app");
}

const UPLOADS = "/v2/mirror/app/blobs/uploads/";

function finishedAt(position: number, { descriptor }: Content, id = 1): string {
  return `PUT ${UPLOADS}${id}?state=at-${position}&digest=${encodeURIComponent(descriptor.digest)}`;
}

describe("putting a blob", () => {
  test("takes two requests, the second of a known length", async () => {
    const app = await given();
    await app.putBlob(LAYER.descriptor, opener(LAYER));
    expect(registry.requestLines()).toEqual([`POST ${UPLOADS} 202`, `${finishedAt(0, LAYER)} 201`]);
    expect(registry.requests[1]?.headers["content-length"]).toBe("20");
    expect(registry.storage.hasBlob("mirror/app", LAYER.descriptor.digest)).toBe(true);
  });

  test.each([0, 1, 5_000_000])("works with %i bytes", async (size) => {
    const app = await given();
    const blob = content(Buffer.alloc(size, 7));
    await app.putBlob(blob.descriptor, opener(blob));
    expect(registry.storage.blob(blob.descriptor.digest)?.length).toBe(size);
  });

  test("falls back to PATCH where PUT takes no body, and keeps to the newest Location", async () => {
    const app = await given({ uploadsByPatchOnly: true });
    await app.putBlob(LAYER.descriptor, opener(LAYER));
    expect(registry.requestLines()).toEqual([
      `POST ${UPLOADS} 202`,
      `${finishedAt(0, LAYER)} 405`,
      `POST ${UPLOADS} 202`,
      `PATCH ${UPLOADS}2?state=at-0 202`,
      `${finishedAt(20, LAYER, 2)} 201`,
    ]);
  });

  test("opens the blob again for each try", async () => {
    const app = await given({ unavailable: 1 });
    let opened = 0;
    await app.putBlob(LAYER.descriptor, async () => {
      opened += 1;
      if (opened === 1) registry.restage({ unavailable: 1 });
      return Readable.from([LAYER.bytes]);
    });
    expect(opened).toBe(2);
    expect(registry.requestLines()).toEqual([
      `${finishedAt(0, LAYER)} 503`,
      `POST ${UPLOADS} 202`,
      `${finishedAt(0, LAYER, 2)} 201`,
    ]);
  });

  test("refused by the registry is an error with the registry's words", async () => {
    const app = await given({ refusesPushes: true });
    await expect(app.putBlob(LAYER.descriptor, opener(LAYER))).rejects.toMatchObject({
      code: "DENIED",
      message: `expected ${registry.host}/mirror/app to take blob ${LAYER.descriptor.digest}, got 403 Forbidden from ${registry.host}: DENIED "requested access to the resource is denied"`,
    });
    expect(registry.requestLines()).toEqual([`POST ${UPLOADS} 403`]);
  });

  test("refused before it was read is an error, and no hanging or crashing stream", async () => {
    const app = await given({ refusesLargeUploads: true });
    const blob = content(Buffer.alloc(50_000_000));
    await expect(app.putBlob(blob.descriptor, opener(blob))).rejects.toMatchObject({
      code: matching(/^(?:DENIED|UNREACHABLE)$/),
    });
    expect(registry.storage.blob(blob.descriptor.digest)).toBeUndefined();
  });

  test("accepted before it was read is an error: nobody has seen whether its bytes are right", async () => {
    const app = await given({ acceptsUnread: true });
    const source = new PassThrough();
    source.write("half");
    await expect(app.putBlob(LAYER.descriptor, async () => source)).rejects.toMatchObject({
      code: "REGISTRY_PROTOCOL",
    });
    expect(source.destroyed).toBe(true);
  });
});

describe("putting a blob whose bytes are wrong or absent", () => {
  const wrong = new SealiftError("DIGEST_MISMATCH", "wrong bytes");

  async function* half(): AsyncGenerator<Buffer> {
    yield LAYER.bytes.subarray(0, 10);
    throw wrong;
  }

  test.each<[string, () => Promise<Readable>]>([
    ["fails at once", () => Promise.reject(wrong)],
    ["fails on the way", async () => Readable.from(half())],
  ])("stores nothing, cancels the upload and tries no more if the source %s", async (_when, open) => {
    const app = await given();
    let opened = 0;
    const counting = () => {
      opened += 1;
      return open();
    };
    await expect(app.putBlob(LAYER.descriptor, counting)).rejects.toBe(wrong);
    expect(opened).toBe(1);
    expect(registry.openUploads).toBe(0);
    expect(registry.storage.hasBlob("mirror/app", LAYER.descriptor.digest)).toBe(false);
    expect(registry.requestLines().at(-1)).toBe(`DELETE ${UPLOADS}1?state=at-0 204`);
  });

  test("tries no more though the source was unreachable: it has had its own tries", async () => {
    const app = await given();
    const lost = new SealiftError("UNREACHABLE", "the near registry is gone");
    await expect(app.putBlob(LAYER.descriptor, () => Promise.reject(lost))).rejects.toBe(lost);
    expect(registry.requests.filter(({ method }) => method === "POST")).toHaveLength(1);
  });

  test("ends with the signal's reason when it is aborted, and destroys the source", async () => {
    const app = await given();
    const source = new PassThrough();
    source.write("half");
    const controller = new AbortController();
    const put = app.putBlob(LAYER.descriptor, async () => source, { signal: controller.signal });
    source.once("resume", () => setImmediate(() => controller.abort(new Error("stop"))));
    await expect(put).rejects.toThrow("stop");
    expect(source.destroyed).toBe(true);
  });
});

describe("looking whether something is there", () => {
  test("asks for blobs and manifests by HEAD", async () => {
    await given();
    const app = client.repository(registry.host, "app");
    const { digest } = MANIFEST.descriptor;
    const answers = [
      await app.has(LAYER.descriptor),
      await app.has(MANIFEST.descriptor),
      await app.has(content("x").descriptor),
    ];
    expect(answers).toEqual([true, true, false]);
    expect(registry.requestLines().slice(0, 2)).toEqual([
      `HEAD /v2/app/blobs/${LAYER.descriptor.digest} 200`,
      `HEAD /v2/app/manifests/${digest} 200`,
    ]);
  });

  test("does not take a blob of another size for the same", async () => {
    await given();
    const app = client.repository(registry.host, "app");
    expect(await app.has({ ...LAYER.descriptor, size: 21 })).toBe(false);
  });

  test("sees no blob of another repository", async () => {
    const app = await given();
    expect(await app.has(LAYER.descriptor)).toBe(false);
  });
});

describe("putting a manifest", () => {
  test("under a tag asks what the tag is, and puts it", async () => {
    const app = await given();
    for (const blob of [CONFIG, LAYER]) await app.putBlob(blob.descriptor, opener(blob));
    registry.requests.length = 0;
    await app.putManifest(MANIFEST, "v1");
    expect(registry.requestLines()).toEqual([
      "HEAD /v2/mirror/app/manifests/v1 404",
      "PUT /v2/mirror/app/manifests/v1 201",
    ]);
    registry.requests.length = 0;
    await app.putManifest(MANIFEST, "v1");
    expect(registry.requestLines()).toEqual(["HEAD /v2/mirror/app/manifests/v1 200"]);
    expect(registry.storage.manifest("mirror/app", "v1")).toEqual(MANIFEST);
  });

  test("without a tag names none", async () => {
    await given();
    const app = client.repository(registry.host, "app");
    await app.putManifest(MANIFEST);
    expect(registry.storage.tags("app")).toEqual(["1"]);
  });

  test("before its blobs is refused, and tags nothing", async () => {
    const app = await given();
    await expect(app.putManifest(MANIFEST, "v1")).rejects.toMatchObject({
      code: "DENIED",
      message: containing("MANIFEST_BLOB_UNKNOWN"),
    });
    expect(registry.storage.hasTag("mirror/app", "v1")).toBe(false);
  });

  test("that the registry changes is an error", async () => {
    await given({ wrongDigest: digestOf(Buffer.from("else")) });
    const app = client.repository(registry.host, "app");
    await expect(app.putManifest(MANIFEST)).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });
});

describe("mounting a blob", () => {
  const from = (host: string) => ({ registry: host, repository: "app" });
  const MOUNT = `POST ${UPLOADS}?mount=${encodeURIComponent(LAYER.descriptor.digest)}&from=app`;

  test("takes one request", async () => {
    const app = await given();
    expect(isBlobMounter(app)).toBe(true);
    expect(await app.mountBlob(LAYER.descriptor, from(registry.host))).toBe(true);
    expect(registry.requestLines()).toEqual([`${MOUNT} 201`]);
    expect(registry.storage.hasBlob("mirror/app", LAYER.descriptor.digest)).toBe(true);
  });

  test("asks for the right to read the other repository as well", async () => {
    const app = await given({ tokenAccess: {} });
    expect(await app.mountBlob(LAYER.descriptor, from(registry.host))).toBe(true);
    const asked = new URL(registry.requests[1]?.path ?? "", "http://any").searchParams.getAll("scope");
    expect(asked).toEqual(["repository:mirror/app:pull,push", "repository:app:pull"]);
  });

  test("is given up, with the upload, where one is begun instead", async () => {
    const app = await given({ mount: "opens-upload" });
    expect(await app.mountBlob(LAYER.descriptor, from(registry.host))).toBe(false);
    expect(registry.requestLines()).toEqual([`${MOUNT} 202`, `DELETE ${UPLOADS}1?state=at-0 204`]);
    expect(registry.openUploads).toBe(0);
  });

  test("is given up where it is refused", async () => {
    const app = await given({ mount: "refused" });
    expect(await app.mountBlob(LAYER.descriptor, from(registry.host))).toBe(false);
  });

  test("is not tried across registries", async () => {
    const app = await given();
    expect(await app.mountBlob(LAYER.descriptor, from("docker.io"))).toBe(false);
    expect(registry.requests).toEqual([]);
  });
});
