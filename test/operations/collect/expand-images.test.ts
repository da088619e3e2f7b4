import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ExportToFileOptions } from "../../../src/composition/index.js";
import type { ExportResult } from "../../../src/operations/index.js";
import type { OperationEvent } from "../../../src/ports/index.js";
import { type SampleImage, sampleImage, sampleLayer } from "../../support/images.js";
import { Scene } from "../../support/scene.js";
import { storeImage } from "../../support/store-image.js";

let scene: Scene;
let lock: string;
let events: OperationEvent[];

beforeEach(async () => {
  scene = await Scene.create();
  lock = scene.folder.file("sealift.lock");
  events = [];
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

/** Stores an image whose content is its tag, and something else that tells it from an older one. */
async function store(tag: string, content = ""): Promise<SampleImage> {
  const image = sampleImage({ layers: [await sampleLayer({ tag: `${tag} ${content}` })] });
  storeImage(scene.near.storage, "app", tag, image);
  return image;
}

async function exported(images: readonly string[], options: Partial<ExportToFileOptions> = {}): Promise<ExportResult> {
  return await scene.export(images, { onEvent: (event) => events.push(event), referrers: false, ...options });
}

function tagsIn({ images }: ExportResult): string[] {
  return images.map(({ name }) => name.slice(`${scene.near.host}/app:`.length));
}

function texts(type: "step" | "warning"): string[] {
  return events.flatMap((event) => (event.type === type ? [event.text] : []));
}

/** The requests that ask what a tag is, and which there are. */
function lookUps(): string[] {
  return scene.near.requestLines().filter((line) => /tags\/list|manifests\/(?!sha256:)/.test(line));
}

async function readLock(): Promise<unknown> {
  return JSON.parse(await readFile(lock, "utf8")) as unknown;
}

describe("a pattern", () => {
  test("becomes the images that it stands for, each resolved once and pinned", async () => {
    const images = await Promise.all(["1.26.0", "1.27.0", "1.27.1", "latest"].map((tag) => store(tag)));
    const result = await exported(["app:1.27.*"]);
    expect(result.images).toMatchObject([
      {
        name: `${scene.near.host}/app:1.27.0`,
        requested: `${scene.near.host}/app:1.27.*`,
        root: { digest: images[1]?.root.descriptor.digest },
      },
      { name: `${scene.near.host}/app:1.27.1`, root: { digest: images[2]?.root.descriptor.digest } },
    ]);
    expect(lookUps()).toEqual([
      "GET /v2/app/tags/list?n=1000 200",
      "HEAD /v2/app/manifests/1.27.0 200",
      "HEAD /v2/app/manifests/1.27.1 200",
    ]);
    expect(texts("step").slice(0, 2)).toEqual([
      `${scene.near.host}/app:1.27.* is now 1.27.0, 1.27.1`,
      "Reading the manifests of 2 images",
    ]);
  });

  test("with others of one repository costs one list", async () => {
    for (const tag of ["1.0.0", "1.1.0", "2.0.0"]) await store(tag);
    expect(tagsIn(await exported(["app:^1", "app@newest=1", "app:1.1.*"]))).toEqual(["1.0.0", "1.1.0", "2.0.0"]);
    expect(lookUps().filter((line) => line.includes("tags/list"))).toHaveLength(1);
  });

  test("gives way to an image that is named, whatever comes first", async () => {
    await store("1.0.0");
    const old = await store("1.1.0", "old");
    await store("1.1.0", "new");
    const { digest } = old.root.descriptor;
    const { images } = await exported(["app:1.*", `app:1.1.0@${digest}`]);
    expect(images).toMatchObject([{}, { requested: `${scene.near.host}/app:1.1.0@${digest}`, root: { digest } }]);
  });

  test("shows no more tags than anybody reads", async () => {
    for (let patch = 0; patch < 12; patch += 1) await store(`1.0.${patch}`);
    await exported(["app:~1.0"]);
    expect(texts("step")[0]).toMatch(/is now 1\.0\.0, .*1\.0\.9, and 2 more$/);
  });

  test("takes no signatures for images", async () => {
    const { root } = await store("1.0.0");
    await store(root.descriptor.digest.replace(":", "-"));
    await store(`${root.descriptor.digest.replace(":", "-")}.sig`);
    expect(tagsIn(await exported(["app:*"]))).toEqual(["1.0.0"]);
  });
});

describe("a pattern that fails", () => {
  test("because nothing matches is an image that failed; the others go on", async () => {
    await store("1.0.0");
    const { images, failures } = await exported(["app:2.*", "app:1.0.0"]);
    expect(images).toHaveLength(1);
    expect(failures).toMatchObject([
      {
        requested: `${scene.near.host}/app:2.*`,
        error: {
          code: "NOT_FOUND",
          message: `expected a tag that matches ${scene.near.host}/app:2.*, got none among its 1`,
        },
      },
    ]);
  });

  test("alone is the error", async () => {
    await store("1.0.0");
    await expect(exported(["app:2.*"])).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(exported(["gone:2.*"])).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("because a tag is gone by then leaves the other tags", async () => {
    await store("1.0.0");
    scene.near.restage({ tagList: ["1.0.0", "1.0.1"] });
    const { images, failures } = await exported(["app:~1.0"]);
    expect(images).toHaveLength(1);
    expect(failures).toMatchObject([
      {
        requested: `${scene.near.host}/app:~1.0`,
        error: { message: expect.stringContaining("manifest 1.0.1") as string },
      },
    ]);
  });

  test("because the registry refuses fails for each pattern of it", async () => {
    await store("1.0.0");
    scene.near.restage({ tagsHtml: true });
    const { images, failures } = await exported(["app:1.*", "app:2.*", "app:1.0.0"]);
    expect(images).toHaveLength(1);
    expect(failures.map(({ error }) => error.code)).toEqual(["REGISTRY_PROTOCOL", "REGISTRY_PROTOCOL"]);
  });

  test("because it means thousands ends the run before one is asked for", async () => {
    scene.near.restage({ manyTags: 1001 });
    await expect(exported(["app:*"])).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("expected at most 1000 tags to match") as string,
    });
    expect(scene.near.requests).toHaveLength(1);
  });

  test("because it is none is refused before a registry is asked", async () => {
    await expect(exported(["app:1.0.0", "app:~foo"])).rejects.toMatchObject({ code: "REFERENCE_INVALID" });
    expect(scene.near.requests).toEqual([]);
  });

  test("hostile: names that are no tags are left out, and said to be", async () => {
    await store("1.0.0");
    scene.near.restage({
      tagList: ["1.0.0", "../../../v2/other/manifests/1", "1.0.0\u001b[2J", "1 0", "x".repeat(129), ""],
    });
    expect(tagsIn(await exported(["app:*"]))).toEqual(["1.0.0"]);
    expect(texts("warning")).toEqual([
      `${scene.near.host}/app lists what is no tag; left out: "../../../v2/other/manifests/1" and 4 more`,
    ]);
  });
});

describe("a lock file", () => {
  test("is written after an export, and makes the next one take the same", async () => {
    const old = await store("1", "old");
    await store("2.0.0");
    await exported(["app:1", "app:^2"], { lock: { path: lock } });
    const bytes = await readFile(lock, "utf8");
    expect(await readLock()).toEqual({
      lockVersion: 1,
      images: {
        [`${scene.near.host}/app:1`]: old.root.descriptor.digest,
        [`${scene.near.host}/app:2.0.0`]: expect.stringMatching(/^sha256:/) as string,
      },
      patterns: { [`${scene.near.host}/app:^2`]: ["2.0.0"] },
    });

    await store("1", "new");
    await store("2.1.0");
    scene.near.restage();
    const { images } = await exported(["app:^2", "app:1"], { lock: { path: lock } });
    expect(images).toMatchObject([
      { root: { digest: old.root.descriptor.digest } },
      { name: `${scene.near.host}/app:2.0.0` },
    ]);
    expect(lookUps()).toEqual([]);
    expect(await readFile(lock, "utf8")).toBe(bytes);
  });

  test("covers what it has; the rest is looked up and added, and nothing is dropped", async () => {
    await store("1", "old");
    await store("2");
    await exported(["app:1"], { lock: { path: lock } });
    const before = await readLock();
    await store("1", "new");
    scene.near.restage();
    await exported(["app:2"], { lock: { path: lock } });
    expect(await readLock()).toMatchObject(before as object);
    expect(await readLock()).toMatchObject({ images: { [`${scene.near.host}/app:2`]: expect.any(String) as string } });
    expect(lookUps()).toEqual(["HEAD /v2/app/manifests/2 200"]);
  });

  test("whose entry was deleted is filled anew", async () => {
    await store("1", "old");
    await exported(["app:1"], { lock: { path: lock } });
    const fresh = await store("1", "new");
    await writeFile(lock, '{"lockVersion":1,"images":{},"patterns":{}}');
    await exported(["app:1"], { lock: { path: lock } });
    expect(await readLock()).toMatchObject({ images: { [`${scene.near.host}/app:1`]: fresh.root.descriptor.digest } });
  });

  test("has no say where the user names a digest, and none is noted", async () => {
    await store("1", "old");
    await exported(["app:1"], { lock: { path: lock } });
    const before = await readLock();
    const other = await store("1", "new");
    const { images } = await exported([`app:1@${other.root.descriptor.digest}`], { lock: { path: lock } });
    expect(images[0]?.root.digest).toBe(other.root.descriptor.digest);
    expect(await readLock()).toEqual(before);
  });

  test("settles what latest is, without the warning", async () => {
    await store("latest");
    await exported(["app"], { lock: { path: lock } });
    expect(texts("warning")).toHaveLength(1);
    await exported(["app"], { lock: { path: lock } });
    expect(texts("warning")).toHaveLength(1);
  });

  test("loses nothing when some images fail, and keeps no entry for them", async () => {
    await store("1");
    await store("2");
    await exported(["app:1"], { lock: { path: lock } });
    const before = await readLock();
    scene.near.restage({ tagList: ["2", "3.0"] });
    const { failures } = await exported(["app:1", "app:2", "app:gone", "app:3.*"], { lock: { path: lock } });
    expect(failures).toHaveLength(2);
    expect(await readLock()).toMatchObject(before as object);
    const { images, patterns } = (await readLock()) as { images: object; patterns: object };
    expect(Object.keys(images)).toEqual([1, 2].map((tag) => `${scene.near.host}/app:${tag}`));
    expect(patterns).toEqual({ [`${scene.near.host}/app:3.*`]: ["3.0"] });
  });

  test("stays as it is when the export fails", async () => {
    await store("1");
    await exported(["app:1"], { lock: { path: lock } });
    const before = await readFile(lock, "utf8");
    await store("2");
    scene.near.restage({ wrongBlobBytes: true });
    await expect(exported(["app:2"], { lock: { path: lock } })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await readFile(lock, "utf8")).toBe(before);
  });

  test("with a digest that its registry has forgotten says what to do", async () => {
    await store("1");
    await exported(["app:1"], { lock: { path: lock } });
    await writeFile(lock, (await readFile(lock, "utf8")).replace(/sha256:[0-9a-f]{8}/, "sha256:00000000"));
    await expect(exported(["app:1"], { lock: { path: lock } })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("manifest sha256:00000000") as string,
      hint: expect.stringContaining("delete its entry") as string,
    });
  });

  test("that is frozen is enough, or is an error before a registry is asked", async () => {
    await store("1.0");
    await exported(["app:1.0", "app:1.*"], { lock: { path: lock } });
    scene.near.restage();
    await exported(["app:1.*", "app:1.0"], { lock: { path: lock, isFrozen: true } });
    expect(lookUps()).toEqual([]);
    scene.near.restage();
    await expect(exported(["app:1.0", "app:2"], { lock: { path: lock, isFrozen: true } })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(`but it lacks ${scene.near.host}/app:2`) as string,
    });
    expect(scene.near.requests).toEqual([]);
  });

  test.each(["bundle.tar", "bundle.tar.lock", "bundle.tar.partial", "./bundle.tar"])("may not be %s", async (name) => {
    await store("1");
    const path = `${scene.folder.path}/${name}`;
    await expect(exported(["app:1"], { lock: { path } })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("expected a lock file of its own") as string,
    });
    expect(scene.near.requests).toEqual([]);
  });
});
