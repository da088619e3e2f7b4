import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { verifyFile } from "../../src/composition/index.js";
import type { PullLimit } from "../../src/registry-server/index.js";
import { type SampleImage, sampleImage, sampleIndex, sampleLayer } from "../support/images.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;
let index: SampleImage;
let limit: PullLimit;

beforeEach(async () => {
  scene = await Scene.create();
  limit = { limit: 100, remaining: 50, windowSeconds: 21_600 };
  index = await appIndex("one");
  storeImage(scene.near.storage, "app", "1", index);
  scene.near.restage({ pullLimit: limit });
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

async function appIndex(content: string): Promise<SampleImage> {
  const image = async (platform: string) =>
    sampleImage({ layers: [await sampleLayer({ content: `${content} ${platform}` })], platform });
  const platforms = ["linux/amd64", "linux/arm64"];
  return sampleIndex(
    await Promise.all(platforms.map(async (platform) => ({ image: await image(platform), platform }))),
  );
}

/** The requests for manifests since the last time. */
function manifestRequests(): string[] {
  const lines = scene.near.requestLines().filter((line) => line.includes("/manifests/"));
  scene.near.requests.length = 0;
  return lines;
}

describe("an export in the place of an older one", () => {
  test("costs a pull for each manifest the first time, and none when nothing has changed", async () => {
    const first = await scene.export(["app:1"], { referrers: false });
    expect(manifestRequests()).toHaveLength(4);
    expect(first.quotas).toMatchObject([{ registry: scene.near.host, remaining: 47 }]);

    const second = await scene.export(["app:1"], { referrers: false });
    expect(second.quotas).toMatchObject([{ remaining: 47 }]);
    expect(limit.remaining).toBe(47);
    expect(second.images).toEqual(first.images);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test("asks the registry for nothing but the tag", async () => {
    await scene.export(["app:1"], { referrers: false });
    scene.near.requests.length = 0;
    await scene.export(["app:1"], { referrers: false });
    expect(scene.near.requestLines()).toEqual(["HEAD /v2/app/manifests/1 200"]);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test("costs no pull for what refers to the image, either", async () => {
    await scene.export(["app:1"]);
    manifestRequests();
    await scene.export(["app:1"]);
    expect(manifestRequests().filter((line) => line.startsWith("GET"))).toEqual([]);
  });

  test("costs pulls for what has changed only", async () => {
    await scene.export(["app:1"], { referrers: false });
    manifestRequests();
    const replacement = sampleImage({ layers: [await sampleLayer({ content: "new" })] });
    const changed = sampleIndex([
      { image: replacement, platform: "linux/amd64" },
      { image: imageOf(index, 1), platform: "linux/arm64" },
    ]);
    storeImage(scene.near.storage, "app", "1", changed);
    await scene.export(["app:1"], { referrers: false });
    const fetched = [changed.root, changed.manifests[0]].map(
      (manifest) => `GET /v2/app/manifests/${manifest?.descriptor.digest} 200`,
    );
    const blobs = scene.near.requestLines().filter((line) => line.includes("/blobs/"));
    expect(blobs.sort()).toEqual(
      [...replacement.blobs.keys()].map((digest) => `GET /v2/app/blobs/${digest} 200`).sort(),
    );
    expect(manifestRequests()).toEqual(["HEAD /v2/app/manifests/1 200", ...fetched]);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test("takes nothing of it that is damaged", async () => {
    await scene.export(["app:1"], { referrers: false });
    const { digest } = index.root.descriptor;
    await damage(index.root.bytes);
    manifestRequests();
    await scene.export(["app:1"], { referrers: false });
    expect(manifestRequests()).toEqual(["HEAD /v2/app/manifests/1 200", `GET /v2/app/manifests/${digest} 200`]);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test("downloads a layer again that is damaged there", async () => {
    await scene.export(["app:1"], { referrers: false });
    const [[digest, bytes] = []] = [...index.blobs].sort(([, a], [, b]) => b.length - a.length);
    if (digest === undefined || bytes === undefined) throw new Error("expected a layer");
    await damage(bytes);
    scene.near.requests.length = 0;
    await scene.export(["app:1"], { referrers: false });
    expect(scene.near.requestLines()).toEqual(["HEAD /v2/app/manifests/1 200", `GET /v2/app/blobs/${digest} 200`]);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  async function damage(content: Uint8Array): Promise<void> {
    const bytes = await readFile(scene.bundle);
    bytes.write("!", bytes.indexOf(content));
    await writeFile(scene.bundle, bytes);
  }

  function imageOf(of: SampleImage, position: number): SampleImage {
    const manifest = of.manifests[position];
    if (manifest === undefined) throw new Error("expected another manifest");
    return { root: manifest, manifests: [manifest], blobs: of.blobs };
  }
});

describe("two images that are one", () => {
  test("cost its pulls once, though they are read at the same time", async () => {
    for (const tag of ["2", "3", "4"]) storeImage(scene.near.storage, "app", tag, index);
    await scene.export(["app:1", "app:2", "app:3", "app:4"], { referrers: false });
    expect(manifestRequests().filter((line) => line.startsWith("GET"))).toHaveLength(3);
  });
});

describe("--min-quota", () => {
  test("leaves out the images whose pulls would leave fewer, and carries the others", async () => {
    storeImage(scene.near.storage, "other", "1", await appIndex("two"));
    limit.remaining = 4;
    const result = await scene.export(["app:1", "other:1"], {
      referrers: false,
      concurrency: 1,
      registry: { quota: { min: 1, whenLow: "stop" } },
    });
    expect(result.images.map(({ name }) => name)).toEqual([`${scene.near.host}/app:1`]);
    expect(result.failures).toMatchObject([{ error: { code: "PULL_LIMIT", exitCode: 4 } }]);
    expect(limit.remaining).toBe(1);
  });
});
