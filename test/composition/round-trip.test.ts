import { rmSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { importFile, inspectFile, verifyFile } from "../../src/composition/index.js";
import type { Digest } from "../../src/oci/index.js";
import type { OperationEvent } from "../../src/ports/index.js";
import { failureOf } from "../support/errors.js";
import { noiseLayer, type SampleImage, sampleImage, sampleIndex, sampleLayer } from "../support/images.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;
let base: SampleImage;
let app: SampleImage;

beforeEach(async () => {
  scene = await Scene.create();
  const baseLayer = await noiseLayer(700_000, "base");
  base = sampleImage({ layers: [baseLayer] });
  app = sampleIndex([
    { image: sampleImage({ layers: [baseLayer, await sampleLayer({ "app/run": "amd64" })] }), platform: "linux/amd64" },
    {
      image: sampleImage({ layers: [await sampleLayer({ "app/run": "arm64" })], platform: "linux/arm64/v8" }),
      platform: "linux/arm64/v8",
    },
  ]);
  storeImage(scene.near.storage, "library/base", "1.0", base);
  storeImage(scene.near.storage, "team/app", "2.0", app);
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

describe("the main job: registry, bundle, verify, registry", () => {
  test("every manifest and blob arrives unchanged, under the mapped name", async () => {
    const exported = await scene.export(["library/base:1.0", "team/app:2.0"]);
    expect(exported.failures).toEqual([]);
    expect(exported.images.map(({ root }) => root.digest)).toEqual([
      base.root.descriptor.digest,
      app.root.descriptor.digest,
    ]);

    const verified = await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
    expect(verified).toMatchObject({ indexDigest: exported.indexDigest, size: exported.size, unpackedLayers: 3 });

    const imported = await importFile(scene.bundle, { trust: scene.keys.trust, to: `${scene.far.host}/mirror` });
    expect(imported.images).toEqual([
      {
        name: `${scene.near.host}/library/base:1.0`,
        destination: `${scene.far.host}/mirror/library/base:1.0`,
        digest: base.root.descriptor.digest,
      },
      {
        name: `${scene.near.host}/team/app:2.0`,
        destination: `${scene.far.host}/mirror/team/app:2.0`,
        digest: app.root.descriptor.digest,
      },
    ]);
    expectArrived("mirror/library/base", "1.0", base);
    expectArrived("mirror/team/app", "2.0", app);
  });

  test("a blob that two images share is fetched once, stored once, and sent once", async () => {
    const shared = sharedLayer();
    await scene.export(["library/base:1.0", "team/app:2.0"]);
    const fetches = scene.near.requestLines().filter((line) => line.startsWith("GET") && line.includes(shared));
    expect(fetches).toHaveLength(1);
    const { index } = await inspectFile(scene.bundle, scene.keys.trust);
    expect(index.entries.filter(({ digest }) => digest === shared)).toHaveLength(1);

    const imported = await importFile(scene.bundle, { trust: scene.keys.trust, to: scene.far.host });
    expect(imported.blobs.mounted).toBe(1);
    const uploads = scene.far
      .requestLines()
      .filter((line) => line.startsWith("PUT") && line.includes(encodeURIComponent(shared)));
    expect(uploads).toHaveLength(1);
  });

  test("tags come last: every blob and manifest is stored before the first one", async () => {
    await scene.export(["library/base:1.0", "team/app:2.0"]);
    await importFile(scene.bundle, { trust: scene.keys.trust, to: scene.far.host });
    const writes = scene.far.requestLines().filter((line) => line.startsWith("PUT"));
    const firstTag = writes.findIndex((line) => /\/manifests\/(?!sha256:)/.test(line));
    expect(writes.slice(firstTag).map((line) => line.split(" ")[1])).toEqual(
      expect.arrayContaining(["/v2/library/base/manifests/1.0", "/v2/team/app/manifests/2.0"]),
    );
    expect(writes.slice(firstTag)).toHaveLength(2);
  });

  test("a second import sends nothing that is there", async () => {
    await scene.export(["library/base:1.0", "team/app:2.0"]);
    const first = await importFile(scene.bundle, { trust: scene.keys.trust, to: scene.far.host });
    const second = await importFile(scene.bundle, { trust: scene.keys.trust, to: scene.far.host });
    expect(first.blobs).toMatchObject({ transferred: 6, mounted: 1, present: 0 });
    expect(second.blobs).toMatchObject({ transferred: 0, transferredBytes: 0, mounted: 0, copied: 0, present: 7 });
  });

  test("a dry run says what would be sent, and writes nothing", async () => {
    await scene.export(["library/base:1.0", "team/app:2.0"]);
    const planned = await importFile(scene.bundle, { trust: scene.keys.trust, to: scene.far.host, dryRun: true });
    expect(planned.blobs).toMatchObject({ transferred: 6, mounted: 1, present: 0 });
    expect(scene.far.requestLines().filter((line) => !/^(GET|HEAD) /.test(line))).toEqual([]);
    expect(scene.far.storage.repositories()).toEqual([]);
  });

  test("the same images, time and file name give the same bytes, but for the signature", async () => {
    await mkdir(scene.folder.file("again"));
    const again = scene.folder.file("again/bundle.tar");
    const first = await scene.export(["library/base:1.0", "team/app:2.0"]);
    const second = await scene.export(["team/app:2.0", "library/base:1.0"], { output: again });
    expect(second.indexDigest).toBe(first.indexDigest);
    const [a, b] = await Promise.all(
      [scene.bundle, again].map(async (path) => {
        const bytes = await readFile(path);
        return bytes.subarray(bytes.indexOf("oci-layout\0"));
      }),
    );
    expect(a?.length).toBeGreaterThan(700_000);
    expect(b?.equals(a ?? Buffer.alloc(0))).toBe(true);
  });
});

describe("replacing a bundle", () => {
  test("the new one names the one it replaces, and its serial grows even where the clock went back", async () => {
    const first = await scene.export(["library/base:1.0"]);
    const second = await scene.export(["team/app:2.0"], { created: new Date("2020-01-01T00:00:00Z") });
    expect(first.identity).toEqual({
      stream: "bundle",
      serial: 1767323045,
      created: "2026-01-02T03:04:05Z",
      previous: null,
    });
    expect(second.identity).toEqual({
      stream: "bundle",
      serial: 1767323046,
      created: "2020-01-01T00:00:00Z",
      previous: first.indexDigest,
    });
  });

  test("a file that is no bundle is not touched", async () => {
    await writeFile(scene.bundle, "a thesis");
    const failure = await failureOf(() => scene.export(["library/base:1.0"]));
    expect(failure).toMatchObject({ code: "FILE_EXISTS", exitCode: 2 });
    expect(await readFile(scene.bundle, "utf8")).toBe("a thesis");
  });

  test("a damaged bundle is replaced as if it were not there", async () => {
    await scene.export(["library/base:1.0"]);
    const bytes = await readFile(scene.bundle);
    bytes.write("{{{", 512);
    await writeFile(scene.bundle, bytes);
    const { identity } = await scene.export(["library/base:1.0"]);
    expect(identity.previous).toBeNull();
    await verifyFile(scene.bundle, { trust: scene.keys.trust });
  });

  test("a failed export leaves the old bundle as it was, and what the next one goes on with", async () => {
    await scene.export(["library/base:1.0"]);
    const before = await readFile(scene.bundle);
    scene.near.restage({ wrongBlobBytes: true });
    // One after the other: what the old bundle has is there before the first download fails.
    const failure = await failureOf(() => scene.export(["team/app:2.0"], { concurrency: 1 }));
    expect(failure).toMatchObject({ code: "DIGEST_MISMATCH", exitCode: 3 });
    expect(failure.hint).toContain("run the same command again to go on with it");
    expect(before.equals(await readFile(scene.bundle))).toBe(true);
    expect(await readdir(scene.folder.path)).toEqual([
      "bundle.tar",
      "bundle.tar.partial",
      "bundle.tar.partial.journal",
    ]);
    scene.near.restage();
    await scene.export(["team/app:2.0"]);
    await verifyFile(scene.bundle, { trust: scene.keys.trust });
    expect(await readdir(scene.folder.path)).toEqual(["bundle.tar"]);
  });

  test("a file that somebody puts there during the export is not touched", async () => {
    let seen = false;
    const onEvent = (event: OperationEvent): void => {
      if (event.type !== "total" || seen) return;
      seen = true;
      writeFileSync(scene.bundle, "a thesis");
    };
    const failure = await failureOf(() => scene.export(["library/base:1.0"], { onEvent }));
    expect(failure).toMatchObject({ code: "FILE_EXISTS", exitCode: 2 });
    expect(await readFile(scene.bundle, "utf8")).toBe("a thesis");
    expect(await readdir(scene.folder.path)).toEqual([
      "bundle.tar",
      "bundle.tar.partial",
      "bundle.tar.partial.journal",
    ]);
  });

  test("a run whose partial file another one replaced takes nothing for its own", async () => {
    const onEvent = (event: OperationEvent): void => {
      if (event.type !== "total") return;
      rmSync(`${scene.bundle}.partial`);
      writeFileSync(`${scene.bundle}.partial`, "of another run");
    };
    const failure = await failureOf(() => scene.export(["library/base:1.0"], { onEvent }));
    expect(failure).toMatchObject({ code: "LOCKED", exitCode: 6 });
    expect(await readdir(scene.folder.path)).toEqual(["bundle.tar.partial"]);
  });

  test("another run that writes the same file is refused", async () => {
    const owner = { pid: process.ppid, host: hostname(), id: "another", since: "2026-01-01T00:00:00Z" };
    await writeFile(`${scene.bundle}.lock`, JSON.stringify(owner));
    const failure = await failureOf(() => scene.export(["library/base:1.0"]));
    expect(failure).toMatchObject({ code: "LOCKED", exitCode: 6 });
    expect(await readdir(scene.folder.path)).toEqual(["bundle.tar.lock"]);
  });
});

function sharedLayer(): Digest {
  const digest = base.manifests[0] && [...base.blobs.keys()].find((candidate) => app.blobs.has(candidate));
  if (digest === undefined) throw new Error("the sample images share no layer");
  return digest;
}

function expectArrived(repository: string, tag: string, image: SampleImage): void {
  const { storage } = scene.far;
  expect(storage.manifest(repository, tag)?.bytes).toEqual(image.root.bytes);
  for (const { descriptor, bytes } of image.manifests) {
    expect(storage.manifest(repository, descriptor.digest)?.bytes).toEqual(bytes);
  }
  for (const [digest, bytes] of image.blobs) {
    expect(storage.hasBlob(repository, digest)).toBe(true);
    // toEqual takes seconds for so many bytes.
    expect(Buffer.compare(storage.blob(digest) ?? Buffer.alloc(0), bytes)).toBe(0);
  }
}
