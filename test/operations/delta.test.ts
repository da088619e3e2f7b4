import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeInventory } from "../../src/bundle/format/index.js";
import {
  type ExportToFileOptions,
  type ImportFileOptions,
  importFile,
  inspectFile,
  verifyFile,
} from "../../src/composition/index.js";
import { SealiftError } from "../../src/errors/index.js";
import type { Digest } from "../../src/oci/index.js";
import { importBundle } from "../../src/operations/import.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import type { OperationEvent } from "../../src/ports/index.js";
import { RegistryClient } from "../../src/registry/index.js";
import { readEntry } from "../support/entries.js";
import { failureOf } from "../support/errors.js";
import { noiseLayer, type SampleLayer, sampleImage, sampleLayer } from "../support/images.js";
import { makeKeys } from "../support/keys.js";
import { MemorySource } from "../support/memory-source.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;
let shared: SampleLayer;
let fresh: SampleLayer;
/** The bundle of the week before, in the folder of the scene. */
let base: string;
let delta: string;

beforeEach(async () => {
  scene = await Scene.create();
  base = scene.folder.file("week1.tar");
  delta = scene.folder.file("week2.tar");
  shared = await noiseLayer(100_000, "shared");
  fresh = await sampleLayer({ "etc/motd": "week 2" });
  const near = scene.near.storage;
  storeImage(near, "app", "1", sampleImage({ layers: [shared, await sampleLayer({ "etc/motd": "week 1" })] }));
  storeImage(near, "app", "2", sampleImage({ layers: [shared, fresh] }));
  storeImage(near, "tool", "1", sampleImage({ layers: [shared] }));
  storeImage(near, "other", "1", sampleImage({ layers: [fresh] }));
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

async function exportBase(images: readonly string[] = ["app:1"], options: Partial<ExportToFileOptions> = {}) {
  const result = await scene.export(images, { output: base, ...options });
  scene.near.restage();
  return result;
}

async function exportDelta(images: readonly string[], since: readonly string[] = [base], options = {}) {
  return await scene.export(images, { output: delta, since, ...options });
}

function importIt(path = delta, options: Partial<ImportFileOptions> = {}) {
  return importFile(path, { trust: scene.keys.trust, to: scene.far.host, ...options });
}

function verifyIt(path = delta, deep = false) {
  return verifyFile(path, { trust: scene.keys.trust, deep });
}

/** The requests to the far side since the last restage that could change something there. */
function writes(): string[] {
  return scene.far.requestLines().filter((line) => !/^(?:GET|HEAD) /.test(line));
}

function gets(digest: Digest): string[] {
  return scene.near.requestLines().filter((line) => line.startsWith("GET") && line.includes(digest));
}

describe("a delta week", () => {
  test("carries only what is new, and leaves the far side as a full bundle would", async () => {
    const { identity, indexDigest } = await exportBase();
    await importIt(base);
    const result = await exportDelta(["app:2"]);
    expect(gets(shared.descriptor.digest)).toEqual([]);
    expect(gets(fresh.descriptor.digest)).toHaveLength(1);
    const size = shared.descriptor.size;
    const { stream, serial, created } = identity;
    expect(result.delta).toEqual({
      form: "delta",
      blobs: 1,
      bytes: size,
      bases: [{ kind: "bundle", stream, serial, created, indexDigest, blobs: 1, bytes: size }],
    });
    expect(result.size).toBeLessThan(size);
    expect((await readFile(delta)).length).toBe(result.size);
    scene.far.restage();
    const imported = await importIt();
    expect(imported.blobs).toMatchObject({ transferred: 2, present: 1, mounted: 0, copied: 0 });
    expect(scene.far.storage.manifest("app", "2")).toEqual(scene.near.storage.manifest("app", "2"));
    expect(scene.far.storage.hasBlob("app", shared.descriptor.digest)).toBe(true);
  });

  test("asks the registry for all that is left out before the first byte is sent", async () => {
    await exportBase();
    await importIt(base);
    await exportDelta(["app:2"]);
    scene.far.restage();
    await importIt();
    const lines = scene.far.requestLines();
    const lookedFor = lines.indexOf(`HEAD /v2/app/blobs/${shared.descriptor.digest} 200`);
    expect(lookedFor).toBe(0);
    expect(lines.filter((line) => line.includes(shared.descriptor.digest))).toHaveLength(1);
  });

  test("verify and inspect say what is left out, and on what the delta relies", async () => {
    const { indexDigest } = await exportBase();
    await exportDelta(["app:2"]);
    const expected = { form: "delta", blobs: 1, bases: [{ kind: "bundle", indexDigest, blobs: 1 }] };
    expect((await verifyIt()).delta).toMatchObject(expected);
    expect((await verifyIt(delta, true)).unpackedLayers).toBe(1);
    const inspected = await inspectFile(delta, scene.keys.trust);
    expect(inspected.delta).toMatchObject(expected);
    expect(inspected.fileSize).toBe(inspected.size);
    expect((await verifyIt(base)).delta).toBeUndefined();
  });

  test("in which nothing is new gives a valid bundle without layers", async () => {
    await exportBase();
    await importIt(base);
    await exportDelta(["app:1"]);
    expect((await verifyIt()).delta).toMatchObject({ blobs: 2 });
    expect((await importIt()).blobs).toMatchObject({ transferred: 0, present: 3 });
  });

  test("in which all is new gives a full bundle, and says that its base was of no use", async () => {
    await exportBase();
    const events: OperationEvent[] = [];
    const { delta: summary } = await exportDelta(["other:1"], [base], {
      onEvent: (event: OperationEvent) => events.push(event),
    });
    expect(summary).toBeUndefined();
    expect(events).toContainEqual({
      type: "warning",
      text: expect.stringMatching(/^nothing is left out for the bundle week1, serial \d+/) as string,
    });
    expect((await verifyIt()).delta).toBeUndefined();
  });

  test("may rely on a delta: what that left out is at the far side, too", async () => {
    await exportBase();
    await importIt(base);
    await exportDelta(["app:2"]);
    await importIt();
    const third = scene.folder.file("week3.tar");
    storeImage(scene.near.storage, "app", "3", sampleImage({ layers: [shared, fresh, await noiseLayer(10, "3")] }));
    const result = await scene.export(["app:3"], { output: third, since: [delta] });
    expect(result.delta).toMatchObject({ blobs: 2, bases: [{ stream: "week2" }] });
    await importIt(third);
    expect(scene.far.storage.tags("app")).toEqual(["1", "2", "3"]);
  });

  test("may rely on several bundles, of which each says what it is for", async () => {
    await exportBase(["tool:1"]);
    const second = scene.folder.file("second.tar");
    await scene.export(["other:1"], { output: second });
    const result = await exportDelta(["app:2"], [base, second]);
    expect(result.delta?.bases).toMatchObject([
      { stream: "week1", blobs: 1 },
      { stream: "second", blobs: 1 },
    ]);
    await importIt(base);
    await importIt(second);
    expect((await importIt()).blobs).toMatchObject({ mounted: 2 });
    expect(scene.far.storage.tags("app")).toEqual(["2"]);
  });

  test("that was interrupted is gone on with, under the same index", async () => {
    await exportBase();
    const large = await noiseLayer(200_000, "large");
    storeImage(scene.near.storage, "app", "3", sampleImage({ layers: [shared, fresh, large] }));
    scene.near.restage({ missingBlobs: [fresh.descriptor.digest] });
    await failureOf(() => exportDelta(["app:3"], [base], { concurrency: 1 }));
    const half = await openBundle(new MemorySource(await readFile(`${delta}.partial`)), scene.keys.trust);
    scene.near.restage();
    const { indexDigest } = await exportDelta(["app:3"], [base], { created: new Date("2026-01-02T03:04:05Z") });
    expect(indexDigest).toBe(half.indexDigest);
    expect(gets(large.descriptor.digest)).toEqual([]);
    expect((await verifyIt()).delta).toMatchObject({ blobs: 1 });
  });

  test("in which the base would be overwritten is refused", async () => {
    await exportBase();
    const failure = await failureOf(() => exportDelta(["app:2"], [base], { output: base }));
    expect(failure).toMatchObject({ code: "USAGE", exitCode: 2 });
    expect((await verifyIt(base)).delta).toBeUndefined();
  });
});

describe("a layer that another repository has", () => {
  test("is mounted from where the base brought it, below the same prefix", async () => {
    await exportBase();
    await exportDelta(["tool:1"]);
    const to = `${scene.far.host}/mirror`;
    await importIt(base, { to });
    scene.far.restage();
    expect((await importIt(delta, { to })).blobs).toMatchObject({ mounted: 1, transferred: 1, copied: 0 });
    const { digest } = shared.descriptor;
    expect(scene.far.requestLines().filter((line) => line.replace("%3A", ":").includes(digest))).toEqual([
      `HEAD /v2/mirror/tool/blobs/${digest} 404`,
      `HEAD /v2/mirror/app/blobs/${digest} 200`,
      `POST /v2/mirror/tool/blobs/uploads/?mount=${encodeURIComponent(digest)}&from=mirror%2Fapp 201`,
    ]);
    expect(scene.far.storage.tags("mirror/tool")).toEqual(["1"]);
  });

  test("is found where another image of the bundle is, if the base's repository is tidied up", async () => {
    await exportBase(["app:1", "tool:1"]);
    await exportDelta(["app:2", "tool:1"]);
    storeImage(scene.far.storage, "tool", "1", sampleImage({ layers: [shared] }));
    expect((await importIt()).blobs).toMatchObject({ mounted: 1, present: 2 });
    expect(scene.far.storage.tags("app")).toEqual(["2"]);
  });

  test.each(["opens-upload", "refused"] as const)("is copied where the registry does not mount: %s", async (mount) => {
    await exportBase();
    await exportDelta(["tool:1"]);
    await importIt(base);
    scene.far.restage({ mount });
    const { blobs } = await importIt();
    expect(blobs).toMatchObject({ mounted: 0, copied: 1, copiedBytes: shared.descriptor.size, transferred: 1 });
    expect(scene.far.storage.hasBlob("tool", shared.descriptor.digest)).toBe(true);
    expect(scene.far.storage.tags("tool")).toEqual(["1"]);
  });

  test("and that is damaged there is not copied", async () => {
    await exportBase();
    await exportDelta(["tool:1"]);
    await importIt(base);
    scene.far.restage({ mount: "refused", wrongBlobBytes: [shared.descriptor.digest] });
    const failure = await failureOf(() => importIt());
    expect(failure).toMatchObject({ code: "DIGEST_MISMATCH", exitCode: 3 });
    expect(failure.message).toContain(`the copy in ${scene.far.host}/app is damaged`);
    expect(scene.far.storage.hasBlob("tool", shared.descriptor.digest)).toBe(false);
    expect(scene.far.storage.tags("tool")).toEqual([]);
  });
});

describe("what the far side does not have", () => {
  test("fails import and dry run before anything is sent, and the bundle that is missing is named", async () => {
    const { identity, indexDigest } = await exportBase();
    await exportDelta(["app:2"]);
    for (const dryRun of [true, false]) {
      scene.far.restage();
      const failure = await failureOf(() => importIt(delta, { dryRun }));
      expect(failure).toMatchObject({ code: "NOT_FOUND", exitCode: 4 });
      expect(failure.message).toBe(
        `expected ${scene.far.host} to have the 1 blobs that this delta leaves out, got none of these: ` +
          `1 that the bundle week1, serial ${identity.serial}, created ${identity.created} (index ${indexDigest}) stands for`,
      );
      expect(writes()).toEqual([]);
    }
  });

  test("is counted for each base", async () => {
    await exportBase(["tool:1"]);
    const second = scene.folder.file("second.tar");
    await scene.export(["other:1"], { output: second });
    await exportDelta(["app:2"], [base, second]);
    await importIt(second);
    scene.far.restage();
    const { message } = await failureOf(() => importIt());
    expect(message).toContain("the 2 blobs that this delta leaves out, got none of these: 1 that the bundle week1,");
    expect(message).not.toContain("second");
    expect(writes()).toEqual([]);
  });

  test("is missing below another prefix, too", async () => {
    await exportBase();
    await exportDelta(["app:2"]);
    await importIt(base, { to: `${scene.far.host}/one` });
    const failure = await failureOf(() => importIt(delta, { to: `${scene.far.host}/two` }));
    expect(failure).toMatchObject({ code: "NOT_FOUND", hint: expect.stringContaining("with the same --to") as string });
  });

  test("may be where nobody may look: then it is missing, and why is kept", async () => {
    await exportBase();
    await importIt(base);
    await exportDelta(["tool:1"]);
    await using client = new RegistryClient();
    const denied = new SealiftError("DENIED", "expected to look, got 403");
    const failure = await failureOf(async () =>
      importBundle({
        source: new MemorySource(await readFile(delta)),
        trust: scene.keys.trust,
        to: { registry: scene.far.host, prefix: "" },
        dryRun: false,
        concurrency: 1,
        onEvent: () => undefined,
        openDestination: async ({ registry, repository }) => {
          const opened = client.repository(registry, repository);
          if (repository === "app") opened.has = async () => Promise.reject(denied);
          return opened;
        },
      }),
    );
    expect(failure).toMatchObject({ code: "NOT_FOUND", cause: denied });
  });
});

describe("the signature of a base", () => {
  test("by a stranger is refused, and by a key that is trusted is not", async () => {
    const stranger = await makeKeys();
    await exportBase(["app:1"], { signer: stranger.signer });
    const failure = await failureOf(() => exportDelta(["app:2"]));
    expect(failure).toMatchObject({ code: "SIGNATURE_INVALID", exitCode: 3 });
    expect(failure.message).toContain("week1.tar");
    await expect(exportDelta(["app:2"], [base], { trust: stranger.trust })).resolves.toMatchObject({
      delta: { blobs: 1 },
    });
  });

  test("is not asked of a bare index: a forged one makes a delta that import refuses", async () => {
    await exportBase(["app:1"], { signer: (await makeKeys()).signer });
    const index = scene.folder.file("bundle.json");
    await writeFile(index, await readEntry(base, "sealift/bundle.json"));
    await exportDelta(["app:2"], [index]);
    expect(await failureOf(() => importIt())).toMatchObject({ code: "NOT_FOUND" });
    expect(writes()).toEqual([]);
  });
});

describe("a bare index", () => {
  async function bareIndex(images: readonly string[]) {
    const result = await exportBase(images);
    const path = scene.folder.file("any-name");
    await writeFile(path, await readEntry(base, "sealift/bundle.json"));
    return { path, ...result };
  }

  test("is as good as the bundle", async () => {
    const { path, indexDigest } = await bareIndex(["app:1", "other:1"]);
    const { delta: summary } = await exportDelta(["app:2"], [path]);
    expect(summary).toMatchObject({ blobs: 2, bases: [{ indexDigest, repositories: ["app", "other"] }] });
    await importIt(base);
    scene.far.restage();
    // It cannot say that the layer of week 2 came with the other image: that is for import to find out.
    expect((await importIt()).blobs).toMatchObject({ mounted: 1, present: 1 });
    expect(scene.far.storage.tags("app")).toEqual(["1", "2"]);
  });

  test("of images that come no more says where they are all the same", async () => {
    const { path } = await bareIndex(["app:1", "other:1"]);
    await exportDelta(["tool:1"], [path]);
    await importIt(base);
    expect((await importIt()).blobs).toMatchObject({ mounted: 1 });
  });

  test("of a bundle that was never imported is named", async () => {
    const { path, indexDigest } = await bareIndex(["app:1", "other:1"]);
    await exportDelta(["tool:1"], [path]);
    const { code, message } = await failureOf(() => importIt());
    expect(code).toBe("NOT_FOUND");
    expect(message).toContain(indexDigest);
    expect(writes()).toEqual([]);
  });
});

describe("an inventory", () => {
  async function inventory(registry: string, name: string): Promise<string> {
    const path = scene.folder.file("inventory.json");
    const blobs = [{ digest: shared.descriptor.digest, size: shared.descriptor.size }];
    const created = "2026-01-01T00:00:00Z";
    await writeFile(path, encodeInventory({ registry, created, repositories: [{ name, blobs }] }));
    return path;
  }

  test("says what is left out, and from where it is mounted, whatever the prefix", async () => {
    const path = await inventory(scene.far.host, "old/place");
    storeImage(scene.far.storage, "old/place", "1", sampleImage({ layers: [shared] }));
    const { delta: summary } = await exportDelta(["app:2"], [path]);
    expect(summary).toMatchObject({ bases: [{ kind: "inventory", registry: scene.far.host, blobs: 1 }] });
    expect((await importIt(delta, { to: `${scene.far.host}/new` })).blobs).toMatchObject({ mounted: 1 });
    expect(scene.far.storage.tags("new/app")).toEqual(["2"]);
  });

  test("of another registry is refused before anything is asked", async () => {
    await exportDelta(["app:2"], [await inventory("reg.internal", "old/place")]);
    const failure = await failureOf(() => importIt());
    expect(failure).toMatchObject({ code: "USAGE", exitCode: 2 });
    expect(failure.message).toBe(
      `expected to import into reg.internal, whose inventory this delta relies on, got ${scene.far.host}`,
    );
    expect(scene.far.requestLines()).toEqual([]);
  });

  test("that is out of date is named by what it was made of", async () => {
    await exportDelta(["app:2"], [await inventory(scene.far.host, "old/place")]);
    const { code, message } = await failureOf(() => importIt());
    expect(code).toBe("NOT_FOUND");
    expect(message).toContain(`1 that the inventory of ${scene.far.host}, created 2026-01-01T00:00:00Z (sha256:`);
  });

  test("with another size for a blob is not believed", async () => {
    const path = scene.folder.file("inventory.json");
    const blobs = [{ digest: shared.descriptor.digest, size: 1 }];
    const repositories = [{ name: "app", blobs }];
    await writeFile(path, encodeInventory({ registry: scene.far.host, created: "2026-01-01T00:00:00Z", repositories }));
    expect((await exportDelta(["app:2"], [path])).delta).toBeUndefined();
  });

  test.each([
    ["rubbish", "{ no json", "CONFIG_INVALID"],
    ["no object", "[]", "BUNDLE_INVALID"],
    ["another document", '{"schemaVersion":2,"config":{}}', "CONFIG_INVALID"],
    ["an index that is none", '{"formatVersion":1,"identity":{}}', "BUNDLE_INVALID"],
    ["an inventory of another version", '{"formatVersion":9,"registry":"r.io"}', "CONFIG_INVALID"],
    [
      "a repository that leads elsewhere",
      '{"formatVersion":1,"registry":"r.io","created":"2026-01-01T00:00:00Z","repositories":[{"name":"../x","blobs":[]}]}',
      "CONFIG_INVALID",
    ],
    ["nothing", "", "BUNDLE_INVALID"],
  ])("that is %s is refused before anything is downloaded", async (_what, text, code) => {
    const path = scene.folder.file("rubbish");
    await writeFile(path, text);
    const failure = await failureOf(() => exportDelta(["app:2"], [path]));
    expect([code, "FILE_NOT_FOUND"]).toContain(failure.code);
    expect(gets(fresh.descriptor.digest)).toEqual([]);
  });
});
