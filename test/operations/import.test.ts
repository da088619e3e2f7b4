import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { importFile } from "../../src/composition/index.js";
import { parsePlatform } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";
import { noiseLayer, sampleImage, sampleIndex, sampleLayer } from "../support/images.js";
import { makeKeys } from "../support/keys.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;

beforeEach(async () => {
  scene = await Scene.create();
  const shared = await noiseLayer(100_000, "shared");
  storeImage(scene.near.storage, "a", "1", sampleImage({ layers: [shared] }));
  storeImage(scene.near.storage, "b", "1", sampleImage({ layers: [shared, await sampleLayer({ b: "b" })] }));
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

function importIt(to = scene.far.host) {
  return importFile(scene.bundle, { trust: scene.keys.trust, to });
}

describe("trust", () => {
  test("no key, and the wrong key, are refused before anything is asked of the registry", async () => {
    await scene.export(["a:1"]);
    const { trust } = await makeKeys();
    const noKey = { kind: "keys", verifiers: [] } as const;
    for (const [policy, code] of [
      [noKey, "KEY_MISSING"],
      [trust, "SIGNATURE_INVALID"],
    ] as const) {
      const failure = await failureOf(() => importFile(scene.bundle, { trust: policy, to: scene.far.host }));
      expect(failure).toMatchObject({ code, exitCode: 3 });
    }
    expect(scene.far.requestLines()).toEqual([]);
  });

  test("without regard to the signature, everything else is still checked", async () => {
    await scene.export(["a:1"]);
    const trust = { kind: "allow-unsigned" } as const;
    await expect(importFile(scene.bundle, { trust, to: scene.far.host })).resolves.toMatchObject({
      signedBy: undefined,
    });
    const bytes = await readFile(scene.bundle);
    bytes[bytes.length - 50_000] = (bytes[bytes.length - 50_000] ?? 0) ^ 1;
    await writeFile(scene.bundle, bytes);
    scene.far.restage();
    const failure = await failureOf(() => importFile(scene.bundle, { trust, to: `${scene.far.host}/again` }));
    expect(failure.exitCode).toBe(3);
    expect(scene.far.storage.tags("again/a")).toEqual([]);
  });
});

describe("a blob that is damaged in the bundle", () => {
  beforeEach(async () => {
    await scene.export(["a:1", "b:1"]);
  });

  async function damageSharedLayer(): Promise<void> {
    const bytes = await readFile(scene.bundle);
    const at = bytes.length - 50_000;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(scene.bundle, bytes);
  }

  test("is not stored, and no image is tagged", async () => {
    await damageSharedLayer();
    const failure = await failureOf(() => importIt());
    expect(failure).toMatchObject({ code: "DIGEST_MISMATCH", exitCode: 3 });
    expect(scene.far.storage.tags("a")).toEqual([]);
    expect(scene.far.storage.tags("b")).toEqual([]);
    expect(scene.far.requestLines().filter((line) => line.startsWith("PUT") && line.includes("/manifests/"))).toEqual(
      [],
    );
  });

  test("is found even if the registry has the blob already and needs no byte of it", async () => {
    await importIt();
    await damageSharedLayer();
    scene.far.restage();
    const failure = await failureOf(() => importIt());
    expect(failure).toMatchObject({ code: "DIGEST_MISMATCH", exitCode: 3 });
    expect(scene.far.requestLines().filter((line) => line.startsWith("PUT"))).toEqual([]);
  });
});

describe("a registry that", () => {
  test("does not mount gets the bytes instead", async () => {
    await scene.export(["a:1", "b:1"]);
    scene.far.restage({ mount: "opens-upload" });
    const { blobs } = await importIt();
    expect(blobs).toMatchObject({ mounted: 0, transferred: 5 });
    expect(scene.far.storage.tags("b")).toEqual(["1"]);
  });

  test("refuses everything fails the import, in its own words", async () => {
    await scene.export(["a:1", "b:1"]);
    scene.far.restage({ refusesPushes: true });
    const failure = await failureOf(() => importIt());
    expect(failure).toMatchObject({ code: "DENIED", exitCode: 4 });
    expect(failure.message).toContain("requested access to the resource is denied");
  });

  test("is not there fails the import", async () => {
    await scene.export(["a:1"]);
    await scene.far.close();
    expect(await failureOf(() => importIt())).toMatchObject({ code: "UNREACHABLE", exitCode: 4 });
  });

  test("restarts in between is asked again", async () => {
    await scene.export(["a:1"]);
    scene.far.restage({ unavailable: 1 });
    await importIt();
    expect(scene.far.storage.tags("a")).toEqual(["1"]);
  });
});

describe("names", () => {
  test("two images that would arrive under one name are refused before anything is sent", async () => {
    storeImage(scene.far.storage, "a", "1", sampleImage({ layers: [await sampleLayer({ other: "image" })] }));
    await scene.export([], { images: [`${scene.near.host}/a:1`, `${scene.far.host}/a:1`] });
    scene.far.restage();
    const failure = await failureOf(() => importIt());
    expect(failure).toMatchObject({ code: "USAGE", exitCode: 2 });
    expect(scene.far.requestLines()).toEqual([]);
  });

  test("an image without a tag arrives under its digest", async () => {
    const digest = scene.near.storage.manifest("a", "1")?.descriptor.digest ?? "";
    await scene.export([`a@${digest}`]);
    const { images } = await importIt(`${scene.far.host}/deep/er`);
    expect(images[0]?.destination).toBe(`${scene.far.host}/deep/er/a@${digest}`);
    expect(scene.far.storage.manifest("deep/er/a", digest)).toBeDefined();
    expect(scene.far.storage.tags("deep/er/a")).toEqual([]);
  });
});

test("an index with children left out is sent as it is; a registry that wants them all refuses, and the way out is named", async () => {
  const amd64 = sampleImage({ layers: [await sampleLayer({ x: "amd64" })] });
  const arm64 = sampleImage({ layers: [await sampleLayer({ x: "arm64" })], platform: "linux/arm64" });
  const index = sampleIndex([
    { image: amd64, platform: "linux/amd64" },
    { image: arm64, platform: "linux/arm64" },
  ]);
  storeImage(scene.near.storage, "multi", "1", index);
  await scene.export(["multi:1", "a:1"], { platforms: [parsePlatform("linux/amd64")] });
  const { images } = await importIt();
  const multi = images.find(({ name }) => name.endsWith("/multi:1"));
  expect(multi?.failure).toMatchObject({ exitCode: 4 });
  expect(multi?.failure?.hint).toContain(`multi:1@${amd64.root.descriptor.digest}`);
  expect(scene.far.storage.tags("multi")).toEqual([]);
  expect(scene.far.storage.tags("a")).toEqual(["1"]);

  await scene.export([`multi:1@${amd64.root.descriptor.digest}`]);
  await importIt();
  expect(scene.far.storage.manifest("multi", "1")?.bytes).toEqual(amd64.root.bytes);
});
