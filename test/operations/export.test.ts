import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { blobPath } from "../../src/bundle/format/index.js";
import { inspectFile, verifyFile } from "../../src/composition/index.js";
import { SealiftError } from "../../src/errors/index.js";
import { MEDIA_TYPE, parseManifest, parsePlatform } from "../../src/oci/index.js";
import { documentWarnings } from "../../src/operations/read/documents.js";
import type { OperationEvent } from "../../src/ports/index.js";
import { readEntry } from "../support/entries.js";
import { failureOf } from "../support/errors.js";
import {
  describe as describeBytes,
  noiseLayer,
  type SampleImage,
  type SampleLayer,
  sampleImage,
  sampleIndex,
  sampleLayer,
  sampleManifest,
} from "../support/images.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;
let events: OperationEvent[];

beforeEach(async () => {
  scene = await Scene.create();
  events = [];
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

const onEvent = (event: OperationEvent): void => {
  events.push(event);
};

function warnings(): string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.text] : []));
}

async function simpleImage(text = "hello", platform = "linux/amd64"): Promise<SampleImage> {
  return sampleImage({ layers: [await sampleLayer({ hello: text })], platform });
}

interface DockerManifestItem {
  readonly Config: string;
  readonly RepoTags: string[] | null;
}

async function dockerManifest(): Promise<DockerManifestItem[]> {
  return JSON.parse((await readEntry(scene.bundle, "manifest.json")).toString()) as DockerManifestItem[];
}

describe("a key that does not open", () => {
  test("ends the export, whatever the registry does meanwhile", async () => {
    storeImage(scene.near.storage, "app", "1", await simpleImage());
    scene.near.restage({ silent: true });
    const signer = Promise.reject(new SealiftError("PASSWORD_WRONG", "the wrong password"));
    expect((await failureOf(() => scene.export(["app:1"], { signer }))).code).toBe("PASSWORD_WRONG");
    expect(await readdir(scene.folder.path)).toEqual([]);
  });
});

describe("references", () => {
  test("a tag is resolved once and pinned; latest earns a warning", async () => {
    const image = await simpleImage();
    storeImage(scene.near.storage, "app", "latest", image);
    const { images } = await scene.export(["app"], { onEvent });
    expect(images[0]).toMatchObject({
      name: `${scene.near.host}/app:latest`,
      requested: `${scene.near.host}/app`,
      source: `${scene.near.host}/app`,
      root: { digest: image.root.descriptor.digest },
    });
    expect(scene.near.requestLines().filter((line) => line.includes("/manifests/latest"))).toHaveLength(1);
    expect(warnings()).toEqual([expect.stringContaining(image.root.descriptor.digest.slice(0, 19))]);
  });

  test("a digest alone names an image without a tag; a tag and a digest give it the tag, whatever that means now", async () => {
    const [old, now] = [await simpleImage("old"), await simpleImage("now")];
    storeImage(scene.near.storage, "app", undefined, old);
    storeImage(scene.near.storage, "app", "1", now);
    const { digest } = old.root.descriptor;
    const { images } = await scene.export([`app@${digest}`, `app:1@${digest}`]);
    expect(images.map(({ name, root }) => [name, root.digest])).toEqual([
      [`${scene.near.host}/app:1`, digest],
      [`${scene.near.host}/app@${digest}`, digest],
    ]);
    expect((await dockerManifest()).map(({ RepoTags }) => RepoTags)).toEqual([[`${scene.near.host}/app:1`], null]);
  });

  test("the same image asked for twice is carried once; two images under one name are refused", async () => {
    const image = await simpleImage();
    storeImage(scene.near.storage, "app", "1", image);
    const { images } = await scene.export(["app:1", "app:1"]);
    expect(images).toHaveLength(1);
    const failure = await failureOf(() => scene.export(["app:1", `app:1@${image.root.descriptor.digest}`]));
    expect(failure.code).toBe("USAGE");
  });
});

describe("platforms", () => {
  let amd64: SampleImage;
  let arm: SampleImage;
  let attestation: SampleImage;
  let index: SampleImage;

  beforeEach(async () => {
    amd64 = await simpleImage("amd64");
    arm = await simpleImage("arm", "linux/arm/v7");
    attestation = sampleImage({ layers: [await sampleLayer({ statement: "{}" })], platform: "unknown/unknown" });
    const annotations = {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": amd64.root.descriptor.digest,
    };
    index = sampleIndex([
      { image: amd64, platform: "linux/amd64" },
      { image: arm, platform: "linux/arm/v7" },
      { image: attestation, platform: "unknown/unknown", descriptor: { annotations } },
    ]);
    storeImage(scene.near.storage, "app", "1", index);
  });

  test("all are carried by default, and the index is byte for byte the registry's", async () => {
    const { images } = await scene.export(["app:1"]);
    expect(images[0]).toMatchObject({ platforms: ["linux/amd64", "linux/arm/v7"], omitted: [] });
    const { digest } = index.root.descriptor;
    expect(await readEntry(scene.bundle, `blobs/sha256/${digest.slice(7)}`)).toEqual(index.root.bytes);
  });

  test("the chosen ones only, with what belongs to them; the rest is stated as omitted, the index kept", async () => {
    const { images } = await scene.export(["app:1"], { platforms: [parsePlatform("linux/amd64")] });
    expect(images[0]).toMatchObject({
      platforms: ["linux/amd64"],
      root: { digest: index.root.descriptor.digest },
      omitted: [{ reason: "platform", descriptor: { digest: arm.root.descriptor.digest } }],
    });
    const { index: signed } = await inspectFile(scene.bundle, scene.keys.trust);
    const digests = signed.entries.map(({ digest }) => digest);
    expect(digests).toContain(attestation.root.descriptor.digest);
    expect(digests).not.toContain(arm.root.descriptor.digest);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test("one that the image does not have is refused, and what it has is named", async () => {
    const failure = await failureOf(() => scene.export(["app:1"], { platforms: [parsePlatform("linux/s390x")] }));
    expect(failure).toMatchObject({ code: "PLATFORM_NOT_FOUND", exitCode: 4 });
    expect(failure.message).toContain("linux/amd64, linux/arm/v7");
    expect(failure.message).not.toContain("unknown");
  });

  test("a single image is judged by its config", async () => {
    storeImage(scene.near.storage, "single", "1", arm);
    const { images } = await scene.export(["single:1"], { platforms: [parsePlatform("linux/arm")] });
    expect(images[0]?.platforms).toEqual(["linux/arm/v7"]);
    const failure = await failureOf(() => scene.export(["single:1"], { platforms: [parsePlatform("linux/amd64")] }));
    expect(failure.code).toBe("PLATFORM_NOT_FOUND");
  });

  test("a child whose descriptor states no platform has its config's", async () => {
    storeImage(scene.near.storage, "silent", "1", sampleIndex([{ image: amd64 }, { image: arm }]));
    const { images } = await scene.export(["silent:1"], { platforms: [parsePlatform("linux/amd64")] });
    expect(images[0]).toMatchObject({ platforms: ["linux/amd64"], omitted: [{ reason: "platform" }] });
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test("a child that is listed for two platforms is carried if one of them is chosen", async () => {
    const twice = sampleIndex([
      { image: arm, platform: "linux/arm/v7" },
      { image: arm, platform: "linux/arm/v6" },
    ]);
    storeImage(scene.near.storage, "twice", "1", twice);
    const { images } = await scene.export(["twice:1"], { platforms: [parsePlatform("linux/arm/v7")] });
    expect(images[0]?.omitted).toEqual([]);
    await expect(verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true })).resolves.toMatchObject({
      unpackedLayers: 1,
    });
  });

  test("an artifact has none, and is carried whatever was chosen", async () => {
    const config = Buffer.from("{}");
    const root = sampleManifest(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      config: describeBytes("application/vnd.cncf.helm.config.v1+json", config),
      layers: [],
    });
    const blobs = new Map([[describeBytes("a/b", config).digest, config]]);
    storeImage(scene.near.storage, "chart", "1", { root, manifests: [root], blobs });
    const { images } = await scene.export(["chart:1"], { platforms: [parsePlatform("linux/amd64")] });
    expect(images).toHaveLength(1);
  });

  test("manifest.json names linux/amd64 if it is there, else the first for Linux, never another system", async () => {
    const windows = await simpleImage("windows", "windows/amd64");
    const s390x = await simpleImage("s390x", "linux/s390x");
    storeImage(scene.near.storage, "mixed", "1", sampleIndex([{ image: windows }, { image: s390x }, { image: arm }]));
    storeImage(scene.near.storage, "windows", "1", windows);
    await scene.export(["app:1", "mixed:1", "windows:1"], { onEvent });
    expect(warnings()).toEqual([]);
    const configPath = (image: SampleImage): string => {
      const parsed = parseManifest(image.root);
      return parsed.kind === "manifest" ? blobPath(parsed.config.digest) : "";
    };
    expect((await dockerManifest()).map(({ Config }) => Config)).toEqual([configPath(amd64), configPath(s390x)]);
  });
});

describe("kinds of content", () => {
  test("Docker schema 2, its lists, uncompressed layers and nested indexes are carried as they are", async () => {
    const docker = sampleImage({
      layers: [await sampleLayer({ a: "1" }, MEDIA_TYPE.dockerLayerGzip)],
      format: "docker",
    });
    const plain = sampleImage({ layers: [await noiseLayer(1000, "plain")], platform: "linux/arm64" });
    const list = sampleIndex([{ image: docker, platform: "linux/amd64" }], MEDIA_TYPE.dockerManifestList);
    storeImage(
      scene.near.storage,
      "app",
      "1",
      sampleIndex([{ image: list }, { image: plain, platform: "linux/arm64" }]),
    );
    const { images } = await scene.export(["app:1"]);
    expect(images[0]?.platforms).toEqual(["linux/amd64", "linux/arm64"]);
    await expect(verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true })).resolves.toMatchObject({
      unpackedLayers: 2,
    });
  });

  test("an artifact that is no image is carried, and is not in manifest.json", async () => {
    const chart = Buffer.from("chart");
    const config = Buffer.from("{}");
    const root = sampleManifest(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      config: describeBytes("application/vnd.cncf.helm.config.v1+json", config),
      layers: [describeBytes("application/vnd.cncf.helm.chart.content.v1.tar+gzip", chart)],
    });
    const blobs = new Map([chart, config].map((bytes) => [describeBytes("a/b", bytes).digest, bytes] as const));
    storeImage(scene.near.storage, "chart", "1", { root, manifests: [root], blobs });
    const { images } = await scene.export(["chart:1"], { onEvent });
    expect(images[0]?.platforms).toEqual([]);
    expect(await dockerManifest()).toEqual([]);
    expect(warnings()).toEqual([expect.stringMatching(/^docker load finds no image .* sealift import\.$/)]);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test("a foreign layer is not fetched, and is stated as omitted", async () => {
    const foreign = await sampleLayer({ "windows.dll": "no" }, MEDIA_TYPE.dockerForeignLayerGzip);
    const image = sampleImage({ layers: [foreign, await sampleLayer({ app: "yes" })], platform: "windows/amd64" });
    storeImage(scene.near.storage, "windows", "1", image);
    const { images } = await scene.export(["windows:1"], { onEvent });
    expect(images[0]?.omitted).toEqual([{ reason: "foreign-layer", descriptor: foreign.descriptor }]);
    expect(warnings()).toEqual([
      expect.stringContaining("foreign layer"),
      expect.stringContaining("docker load finds no image"),
    ]);
    expect(scene.near.requestLines().filter((line) => line.includes(foreign.descriptor.digest))).toEqual([]);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test.each([
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
  ])("schema 1 (%s) is refused, and what to do is said", async (mediaType) => {
    const old = Buffer.from(JSON.stringify({ schemaVersion: 1, name: "old", tag: "1", fsLayers: [], history: [] }));
    scene.near.storage.putManifest("old", "1", mediaType, old);
    const failure = await failureOf(() => scene.export(["old:1"]));
    expect(failure).toMatchObject({ code: "UNSUPPORTED_MANIFEST", exitCode: 4 });
    expect(failure.message).toContain("schema 1");
    expect(failure.hint).toContain("push the image again");
  });

  test.each(["config", "layers"])("one image that states two sizes for one blob (%s) is refused", async (member) => {
    const layer = await sampleLayer({ a: "1" });
    const lying = { ...layer, descriptor: { ...layer.descriptor, size: layer.descriptor.size + 1 } };
    const [a, b] = [sampleImage({ layers: [layer] }), sampleImage({ layers: [lying], platform: "linux/arm64" })];
    const children =
      member === "layers" ? [{ image: a }, { image: b }] : [{ image: a }, { image: a, descriptor: { size: 1 } }];
    storeImage(scene.near.storage, "a", "1", sampleIndex(children));
    expect((await failureOf(() => scene.export(["a:1"]))).code).toBe("SIZE_MISMATCH");
    expect(await readdir(scene.folder.path)).toEqual([]);
  });

  test("two manifests that state different sizes for one blob are refused", async () => {
    const layer = await sampleLayer({ a: "1" });
    const lying = { ...layer, descriptor: { ...layer.descriptor, size: layer.descriptor.size + 1 } };
    storeImage(scene.near.storage, "a", "1", sampleImage({ layers: [layer] }));
    storeImage(scene.near.storage, "b", "1", sampleImage({ layers: [lying] }));
    expect((await failureOf(() => scene.export(["a:1", "b:1"]))).code).toBe("SIZE_MISMATCH");
  });
});

describe("a bundle that not every reader loads earns a warning:", () => {
  const noImage = expect.stringContaining("docker load finds no image") as string;

  test("one without an image for Linux", async () => {
    storeImage(scene.near.storage, "windows", "1", await simpleImage("windows", "windows/amd64"));
    await scene.export(["windows:1"], { onEvent });
    expect(warnings()).toEqual([noImage]);
  });

  test("one for another system of an image that is for Linux, too", async () => {
    const [linux, freebsd] = [await simpleImage("linux"), await simpleImage("freebsd", "freebsd/amd64")];
    storeImage(scene.near.storage, "app", "1", sampleIndex([{ image: linux }, { image: freebsd }]));
    await scene.export(["app:1"], { onEvent });
    expect(warnings()).toEqual([]);
    await scene.export(["app:1"], { onEvent, platforms: [parsePlatform("freebsd/amd64")] });
    expect(warnings()).toEqual([noImage]);
  });

  test("one whose manifest.json is larger than podman and skopeo read", async () => {
    const layer = await sampleLayer({ a: "1" });
    // Each line of a layer takes 80 bytes.
    const image = sampleImage({ layers: Array.from({ length: 7000 }, () => layer) });
    for (const tag of ["1", "2"]) storeImage(scene.near.storage, "app", tag, image);
    await scene.export(["app:1"], { onEvent });
    expect(warnings()).toEqual([]);
    await scene.export(["app:1", "app:2"], { onEvent });
    const { length } = await readEntry(scene.bundle, "manifest.json");
    expect(warnings()).toEqual([expect.stringContaining(`has ${length} bytes, and they read 1048576`)]);
  });

  test("of manifest.json they read 1 MiB, and not a byte more", () => {
    const ofSize = (size: number): string[] => documentWarnings(new Map([["manifest.json", Buffer.alloc(size)]]));
    expect(ofSize(2 ** 20)).toEqual([]);
    expect(ofSize(2 ** 20 + 1)).toHaveLength(1);
  });
});

describe("hostile: JSON that means another image to tools written in Go", () => {
  test.each([
    ["another system", { OS: "windows" }],
    ["other diffIDs", { rootfs: { type: "layers", diff_ids: [], Diff_IDs: [] } }],
  ])("a config with %s is not taken for an artifact's: the export is refused", async (_what, config) => {
    const image = sampleImage({ layers: [await sampleLayer({ a: "1" })], config });
    storeImage(scene.near.storage, "app", "1", image);
    const failure = await failureOf(() => scene.export(["app:1"]));
    expect(failure).toMatchObject({ code: "MANIFEST_INVALID", exitCode: 3 });
    expect(failure.message).toContain("that other tools take for");
    expect(await readdir(scene.folder.path)).toEqual([]);
  });

  test("a manifest with other layers is refused", async () => {
    const image = await simpleImage();
    const text = Buffer.from(image.root.bytes).toString();
    const root = sampleManifest(MEDIA_TYPE.ociManifest, { ...(JSON.parse(text) as object), Layers: [] });
    storeImage(scene.near.storage, "app", "1", { ...image, root, manifests: [root] });
    const failure = await failureOf(() => scene.export(["app:1"]));
    expect(failure).toMatchObject({ code: "MANIFEST_INVALID", exitCode: 3 });
    expect(failure.message).toContain('take for "layers", got "Layers"');
  });

  test("labels that differ in case only are nobody's business, and are carried", async () => {
    const config = { config: { Labels: { Maintainer: "a", maintainer: "b" } } };
    storeImage(scene.near.storage, "app", "1", sampleImage({ layers: [await sampleLayer({ a: "1" })], config }));
    const { images } = await scene.export(["app:1"]);
    expect(images[0]?.platforms).toEqual(["linux/amd64"]);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });
});

describe("images that cannot be had", () => {
  test("are failures of their own while the others are carried", async () => {
    storeImage(scene.near.storage, "app", "1", await simpleImage());
    const { images, failures } = await scene.export(["app:1", "gone:1"]);
    expect(images.map(({ name }) => name)).toEqual([`${scene.near.host}/app:1`]);
    expect(failures).toMatchObject([{ requested: `${scene.near.host}/gone:1`, error: { code: "NOT_FOUND" } }]);
    await verifyFile(scene.bundle, { trust: scene.keys.trust });
  });

  test("are the failure of the whole if there is no other", async () => {
    expect(await failureOf(() => scene.export(["gone:1"]))).toMatchObject({ code: "NOT_FOUND", exitCode: 4 });
    expect(await readdir(scene.folder.path)).toEqual([]);
  });

  test("from a registry that is not there are told apart", async () => {
    await scene.near.close();
    const failure = await failureOf(() => scene.export(["app:1"]));
    expect(failure).toMatchObject({ code: "UNREACHABLE", exitCode: 4 });
    expect(failure.message).toContain(scene.near.host);
    expect(await readdir(scene.folder.path)).toEqual([]);
  });
});

describe("a registry that sends", () => {
  let layer: SampleLayer;

  beforeEach(async () => {
    layer = await noiseLayer(200_000, "app");
    storeImage(scene.near.storage, "app", "1", sampleImage({ layers: [layer] }));
  });

  test.each([
    ["the wrong bytes", { wrongBlobBytes: true }, "DIGEST_MISMATCH", 3],
    ["too many bytes", { longBlobs: true }, "SIZE_MISMATCH", 3],
    ["no bytes", { emptyBlobs: true }, "SIZE_MISMATCH", 3],
    ["another length than the manifest states", { wrongBlobLength: true }, "SIZE_MISMATCH", 3],
    ["a changed manifest", { wrongManifestBytes: true }, "DIGEST_MISMATCH", 3],
    ["a manifest without an end", { endlessManifest: true }, "SIZE_MISMATCH", 3],
    ["half a blob, every time", { cutBlobs: true }, "UNREACHABLE", 4],
    ["no blob", { missingBlobs: true }, "NOT_FOUND", 4],
  ] as const)("%s leaves no file", async (_what, quirks, code, exitCode) => {
    scene.near.restage(quirks);
    const failure = await failureOf(() => scene.export(["app:1"]));
    expect(failure).toMatchObject({ code, exitCode });
    expect(failure.message).toMatch(/^expected .*(?:got|but) /);
    expect(await readdir(scene.folder.path)).toEqual([]);
  });

  test("nothing any more in the middle of a blob can be interrupted, and leaves nothing under the bundle's name", async () => {
    scene.near.restage({ stalledBlobs: [layer.descriptor.digest] });
    const stop = new AbortController();
    const stalled = (event: OperationEvent): void => {
      if (event.type === "blob-progress") stop.abort(new Error("enough"));
    };
    await expect(scene.export(["app:1"], { signal: stop.signal, onEvent: stalled })).rejects.toThrow("enough");
    expect(await readdir(scene.folder.path)).not.toContain("bundle.tar");
  });
});

test("events count every byte once", async () => {
  const image = sampleImage({ layers: [await noiseLayer(300_000, "a"), await noiseLayer(50_000, "b")] });
  storeImage(scene.near.storage, "app", "1", image);
  await scene.export(["app:1"], { onEvent });
  const total = events.find((event) => event.type === "total");
  const progress = events.reduce((sum, event) => sum + (event.type === "blob-progress" ? event.bytes : 0), 0);
  expect(total).toMatchObject({ blobs: 2, bytes: progress });
});
