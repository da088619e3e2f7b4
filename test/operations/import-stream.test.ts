import { readFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ImportFileOptions, importFile } from "../../src/composition/index.js";
import type { OperationEvent } from "../../src/ports/index.js";
import { failureOf } from "../support/errors.js";
import { noiseLayer, type SampleLayer, sampleImage, sampleLayer } from "../support/images.js";
import { pipeOf } from "../support/pipe.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { BARE_MACHINE } from "../support/surroundings.js";

// Larger than what is sent from memory.
const LARGE = 9 * 1024 * 1024;

let scene: Scene;
let shared: SampleLayer;

beforeEach(async () => {
  scene = await Scene.create();
  shared = await noiseLayer(100_000, "shared");
  storeImage(scene.near.storage, "a", "1", sampleImage({ layers: [shared] }));
  storeImage(scene.near.storage, "b", "1", sampleImage({ layers: [shared, await sampleLayer({ b: "b" })] }));
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

async function importPiped(bytes: Uint8Array, options: Partial<ImportFileOptions> = {}) {
  return await importFile("-", {
    stdin: pipeOf(bytes, 60_000),
    trust: scene.keys.trust,
    to: scene.far.host,
    ...options,
    registry: { surroundings: BARE_MACHINE, ...options.registry },
  });
}

async function exported(...images: string[]): Promise<Buffer> {
  await scene.export(images);
  return await readFile(scene.bundle);
}

async function storeLarge(...repositories: string[]): Promise<SampleLayer> {
  const layer = await noiseLayer(LARGE, "large");
  for (const repository of repositories) {
    storeImage(scene.near.storage, repository, "1", sampleImage({ layers: [layer] }));
  }
  return layer;
}

function lines(pattern: RegExp): string[] {
  return scene.far.requestLines().filter((line) => pattern.test(line));
}

test("what arrives through a pipe is what arrives from a file", async () => {
  const bytes = await exported("a:1", "b:1");
  const piped = await importPiped(bytes);
  const [a, b] = ["a", "b"].map((repository) => scene.far.storage.manifest(repository, "1")?.bytes);
  expect(a).toEqual(scene.near.storage.manifest("a", "1")?.bytes);
  expect(b).toEqual(scene.near.storage.manifest("b", "1")?.bytes);

  const far = `${scene.far.host}/other`;
  const filed = await importFile(scene.bundle, { trust: scene.keys.trust, to: far });
  expect(piped.blobs).toMatchObject({ transferred: 4, mounted: 1, present: 0, copied: 0 });
  expect(piped).toEqual({ ...filed, images: piped.images });
  expect(piped.images.map(({ digest }) => digest)).toEqual(filed.images.map(({ digest }) => digest));
});

test("tags come last, after the end of the pipe was seen", async () => {
  const bytes = await exported("a:1");
  const pipe = new PassThrough();
  const importing = importPiped(bytes, { stdin: pipe });
  pipe.write(bytes);
  while (lines(/^PUT .*\/blobs\/uploads\/.* 201$/).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(lines(/\/manifests\//).filter((line) => line.startsWith("PUT"))).toEqual([]);
  pipe.end();
  await importing;
  expect(scene.far.storage.tags("a")).toEqual(["1"]);
});

test("more behind the end keeps import from storing a manifest", async () => {
  const bytes = await exported("a:1");
  const failure = await failureOf(() => importPiped(Buffer.concat([bytes, Buffer.alloc(1)])));
  expect(failure).toMatchObject({ code: "BUNDLE_INVALID", exitCode: 3 });
  expect(failure.message).toMatch(/^expected standard input to end after \d+ bytes, where the bundle does, got more/);
  expect(lines(/^PUT .*\/manifests\//)).toEqual([]);
});

test("a dry run reads and checks all, and sends nothing", async () => {
  const bytes = await exported("a:1", "b:1");
  const { blobs } = await importPiped(bytes, { dryRun: true });
  expect(blobs).toMatchObject({ transferred: 4, mounted: 1 });
  expect(lines(/^(?!HEAD)/)).toEqual([]);
  bytes[bytes.length - 50_000] = (bytes[bytes.length - 50_000] ?? 0) ^ 1;
  expect(await failureOf(() => importPiped(bytes, { dryRun: true }))).toMatchObject({ exitCode: 3 });
});

test("what the registry has already is still hashed", async () => {
  const bytes = await exported("a:1", "b:1");
  await importPiped(bytes);
  const { blobs } = await importPiped(bytes);
  expect(blobs).toMatchObject({ transferred: 0, present: 5 });
  bytes[bytes.length - 50_000] = (bytes[bytes.length - 50_000] ?? 0) ^ 1;
  scene.far.restage();
  expect(await failureOf(() => importPiped(bytes))).toMatchObject({ code: "DIGEST_MISMATCH", exitCode: 3 });
  expect(lines(/^PUT/)).toEqual([]);
});

test("all bytes are told of once, as they come", async () => {
  await storeLarge("large");
  const bytes = await exported("a:1", "b:1", "large:1");
  const events: OperationEvent[] = [];
  await importPiped(bytes, { onEvent: (event) => events.push(event) });
  const total = events.find((event) => event.type === "total");
  const progress = events.flatMap((event) => (event.type === "blob-progress" ? event.bytes : []));
  expect(progress.reduce((sum, some) => sum + some, 0)).toBe(total?.bytes);
  expect(events.filter(({ type }) => type === "blob-started")).toHaveLength(total?.blobs ?? -1);
  expect(events.filter(({ type }) => type === "blob-finished")).toHaveLength(total?.blobs ?? -1);
});

describe("a registry that does not mount", () => {
  test("gets small blobs from memory, each time", async () => {
    const bytes = await exported("a:1", "b:1");
    scene.far.restage({ mount: "opens-upload" });
    expect((await importPiped(bytes)).blobs).toMatchObject({ transferred: 5, mounted: 0, copied: 0 });
    expect(scene.far.storage.tags("b")).toEqual(["1"]);
  });

  test("gets a large blob once, and then from itself", async () => {
    const layer = await storeLarge("x", "y");
    const bytes = await exported("x:1", "y:1");
    scene.far.restage({ mount: "opens-upload" });
    const { blobs } = await importPiped(bytes);
    // Both have the same config, too, which is small.
    expect(blobs).toMatchObject({ transferred: 3, copied: 1, copiedBytes: layer.descriptor.size });
    expect(lines(/^GET /)).toEqual([`GET /v2/x/blobs/${layer.descriptor.digest} 200`]);
    expect(scene.far.storage.tags("y")).toEqual(["1"]);
  });
});

describe("a registry that refuses", () => {
  const refuses = (repository: string) => ({
    refuses: [{ repository, of: "blobs", status: 403, code: "DENIED", words: "no more room" }] as const,
  });

  test("one image lets the others through", async () => {
    const bytes = await exported("a:1", "b:1");
    scene.far.restage(refuses("a"));
    const { images } = await importPiped(bytes);
    expect(images.map(({ failure }) => failure?.code)).toEqual(["DENIED", undefined]);
    expect(scene.far.storage.tags("a")).toEqual([]);
    expect(scene.far.storage.tags("b")).toEqual(["1"]);
  });

  test("a large blob in one repository before it was sent leaves it for the next one", async () => {
    await storeLarge("x", "y");
    const bytes = await exported("x:1", "y:1");
    scene.far.restage(refuses("x"));
    const { images } = await importPiped(bytes);
    expect(images.map(({ failure }) => failure?.code)).toEqual(["DENIED", undefined]);
    expect(scene.far.storage.tags("y")).toEqual(["1"]);
  });

  test("everything fails the import, in its own words", async () => {
    const bytes = await exported("a:1", "b:1");
    scene.far.restage({ refusesPushes: true });
    expect(await failureOf(() => importPiped(bytes))).toMatchObject({ code: "DENIED", exitCode: 4 });
  });
});

test("a registry that takes bytes by PATCH only gets large blobs, too, once it has said so", async () => {
  await storeLarge("x");
  const bytes = await exported("x:1");
  scene.far.restage({ uploadsByPatchOnly: true });
  await importPiped(bytes);
  expect(scene.far.storage.tags("x")).toEqual(["1"]);
});

describe("a line that breaks", () => {
  test("while a small blob is sent is no matter", async () => {
    const bytes = await exported("a:1");
    scene.far.restage({ unavailable: 1 });
    await importPiped(bytes);
    expect(scene.far.storage.tags("a")).toEqual(["1"]);
  });

  test("while a large blob is sent fails what needs it, and nothing else; run again, only that is sent", async () => {
    await storeLarge("x", "y");
    const bytes = await exported("a:1", "b:1", "x:1", "y:1");
    const pipe = new PassThrough();
    const importing = importPiped(bytes, { stdin: pipe });
    // All but the end of the last layer, which is the large one, or a small one and a part of it.
    pipeOf(bytes.subarray(0, bytes.length - 1_000_000), 60_000).pipe(pipe, { end: false });
    while (lines(/^PUT \/v2\/x\/blobs.* -$/).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    scene.far.cutConnections();
    pipe.end(bytes.subarray(bytes.length - 1_000_000));

    const { images } = await importing;
    expect(images.map(({ failure }) => failure?.code)).toEqual([
      undefined,
      undefined,
      "REGISTRY_FAILED",
      "REGISTRY_FAILED",
    ]);
    expect(images[3]?.failure?.message).toMatch(/at the first try, since a pipe gives nothing twice/);
    expect(images[3]?.failure?.hint).toMatch(/only what the registry lacks is sent then/);
    expect(scene.far.storage.tags("b")).toEqual(["1"]);
    expect(scene.far.storage.tags("x")).toEqual([]);

    const again = await importPiped(bytes);
    expect(again.blobs).toMatchObject({ transferred: 1, mounted: 1 });
    expect(scene.far.storage.tags("x")).toEqual(["1"]);
  });
});

test("a registry that is gone ends the import, though the pipe stands still", async () => {
  const bytes = await exported("a:1");
  const pipe = new PassThrough();
  pipe.write(bytes.subarray(0, bytes.length - 2000));
  await scene.far.close();
  const registry = { surroundings: BARE_MACHINE, retry: { tries: 1 } };
  const failure = await failureOf(() => importPiped(bytes, { stdin: pipe, registry }));
  expect(failure).toMatchObject({ code: "UNREACHABLE", exitCode: 4 });
  expect(pipe.destroyed).toBe(true);
});

test("the wish to stop ends the import, though the pipe stands still", async () => {
  const bytes = await exported("a:1");
  const pipe = new PassThrough();
  pipe.write(bytes.subarray(0, bytes.length - 2000));
  const stop = new AbortController();
  const importing = importPiped(bytes, { stdin: pipe, signal: stop.signal });
  setTimeout(() => stop.abort(new Error("enough")), 100);
  await expect(importing).rejects.toThrow("enough");
  expect(scene.far.storage.tags("a")).toEqual([]);
});

test("two images that would arrive under one name are refused before anything is sent", async () => {
  storeImage(scene.far.storage, "a", "1", sampleImage({ layers: [await sampleLayer({ other: "image" })] }));
  await scene.export([], { images: [`${scene.near.host}/a:1`, `${scene.far.host}/a:1`] });
  scene.far.restage();
  const bytes = await readFile(scene.bundle);
  expect(await failureOf(() => importPiped(bytes))).toMatchObject({ code: "USAGE", exitCode: 2 });
  expect(scene.far.requestLines()).toEqual([]);
});
