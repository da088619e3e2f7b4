import { readFile } from "node:fs/promises";
import { PassThrough, Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BundleLayout, filesOf } from "../../src/bundle/format/index.js";
import { inspectFile, verifyFile } from "../../src/composition/index.js";
import { digestOf, MEDIA_TYPE } from "../../src/oci/index.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { failureOf } from "../support/errors.js";
import { describe as describeBytes, noiseLayer, sampleImage, sampleLayer, sampleManifest } from "../support/images.js";
import { MemorySource } from "../support/memory-source.js";
import { pipeOf } from "../support/pipe.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;
let good: Buffer;
let layout: BundleLayout;

beforeAll(async () => {
  scene = await Scene.create();
  const layers = [await sampleLayer({ "etc/motd": "ahoy" }), await noiseLayer(100_000, "noise")];
  storeImage(scene.near.storage, "app", "1", sampleImage({ layers }));
  await scene.export(["app:1"]);
  good = await readFile(scene.bundle);
  ({ layout } = await openBundle(new MemorySource(good), scene.keys.trust));
});

afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

async function verifyPiped(stdin: Readable, deep = false) {
  return await verifyFile("-", { stdin, trust: scene.keys.trust, deep });
}

describe("a good bundle", () => {
  test.each([false, true])("is found so from a pipe as from a file (deep: %s)", async (deep) => {
    const filed = await verifyFile(scene.bundle, { trust: scene.keys.trust, deep });
    expect(await verifyPiped(pipeOf(good), deep)).toEqual(filed);
  });

  test("is found so whatever the chunks", async () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 600, max: 200_000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(size, { minLength: 1, maxLength: 20 }), async (sizes) => {
        await verifyPiped(Readable.from(cut(good, sizes), { objectMode: false }));
      }),
      { numRuns: 30 },
    );
  });

  test("is found so byte by byte", async () => {
    await verifyPiped(Readable.from(cut(good, [1]), { objectMode: false }));
  });

  test("that comes slowly is waited for", async () => {
    const pipe = new PassThrough();
    const verifying = verifyPiped(pipe);
    for (const chunk of cut(good, [9000])) {
      pipe.write(chunk);
      await turn();
    }
    pipe.end();
    await verifying;
  });
});

describe("a pipe that", () => {
  test("stands still in the middle of any file, and then ends, was cut off", async () => {
    for (const { position, size } of filesOf(layout)) {
      const pipe = new PassThrough();
      const verifying = failureOf(() => verifyPiped(pipe));
      pipe.write(good.subarray(0, position + Math.floor(size / 2)));
      await turn();
      pipe.end();
      expect(await verifying).toMatchObject({ code: "BUNDLE_INVALID", exitCode: 3 });
    }
  });

  test("breaks in the middle says so", async () => {
    const pipe = new PassThrough();
    const verifying = failureOf(() => verifyPiped(pipe));
    pipe.write(good.subarray(0, layout.endPosition - 50_000));
    await turn();
    pipe.destroy(Object.assign(new Error("i/o error"), { code: "EIO", syscall: "read" }));
    expect(await verifying).toMatchObject({ code: "MEDIUM_FAILED", exitCode: 7 });
  });

  test.each([
    ["after a good bundle", () => good],
    ["from the start", () => Buffer.alloc(0)],
    ["in the middle of the signed index", () => good.subarray(0, 700)],
    ["in the middle of a layer", () => good.subarray(0, layout.endPosition - 50_000)],
  ])("never ends is left %s", async (_when, begin) => {
    let given = 0;
    const endless = function* () {
      yield begin();
      for (;;) {
        given += 1;
        yield Buffer.alloc(64 * 1024);
      }
    };
    expect((await failureOf(() => verifyPiped(Readable.from(endless(), { objectMode: false })))).exitCode).toBe(3);
    expect(given).toBeLessThan(20);
  });
});

test("a damaged layer is called damaged, not one that cannot be unpacked", async () => {
  const bytes = Buffer.from(good);
  const placed = layout.entries.find(({ position }) => bytes.readUInt16BE(position) === 0x1f8b);
  if (placed === undefined) throw new Error("no gzip layer");
  bytes.fill(0xff, placed.position + 20, placed.position + 30);
  expect(await failureOf(() => verifyPiped(pipeOf(bytes), true))).toMatchObject({ code: "DIGEST_MISMATCH" });
});

test("a layer that unpacks to something else than its config says is found by --deep", async () => {
  const layer = await sampleLayer({ a: "1" });
  const diffId = digestOf(Buffer.from("another"));
  storeImage(scene.near.storage, "odd", "1", sampleImage({ layers: [{ ...layer, diffId }] }));
  await scene.export(["odd:1"], { output: scene.folder.file("odd.tar") });
  const bytes = await readFile(scene.folder.file("odd.tar"));
  await verifyPiped(pipeOf(bytes));
  const failure = await failureOf(() => verifyPiped(pipeOf(bytes), true));
  expect(failure.code).toBe("DIGEST_MISMATCH");
  expect(failure.message).toContain("to unpack to diffID");
});

test("inspect reads no more than the head", async () => {
  const pipe = new PassThrough();
  pipe.write(good.subarray(0, layout.sigstoreBundle.headerPosition));
  const { index, size, fileSize } = await inspectFile("-", scene.keys.trust, { stdin: pipe });
  expect(index.images).toHaveLength(1);
  expect({ size, fileSize }).toEqual({ size: good.length, fileSize: undefined });
});

test("a config that is too large to be kept has its place among the layers", async () => {
  const config = Buffer.alloc(5 * 1024 * 1024, "x");
  const root = sampleManifest(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    config: describeBytes("application/x.config", config),
    layers: [],
  });
  storeImage(scene.near.storage, "model", "1", {
    root,
    manifests: [root],
    blobs: new Map([[digestOf(config), config]]),
  });
  const output = scene.folder.file("model.tar");
  await scene.export(["model:1", "app:1"], { output });
  const bytes = await readFile(output);
  await verifyPiped(pipeOf(bytes, 60_000), true);
  const { index } = await inspectFile(output, scene.keys.trust);
  const order = index.entries.map(({ digest }) => digest);
  expect(order.indexOf(digestOf(config))).toBeGreaterThan(order.indexOf(root.descriptor.digest) + 1);
});

test("more manifests and configs than memory may hold are refused, and the way out is named", async () => {
  const names: string[] = [];
  for (let at = 0; at < 34; at += 1) {
    const image = sampleImage({ layers: [], config: { at, filler: "x".repeat(4_190_000) } });
    storeImage(scene.near.storage, `many${at}`, "1", image);
    names.push(`many${at}:1`);
  }
  const output = scene.folder.file("many.tar");
  await scene.export(names, { output });
  const failure = await failureOf(async () => verifyPiped(pipeOf(await readFile(output), 60_000)));
  expect(failure).toMatchObject({ code: "USAGE", exitCode: 2 });
  expect(failure.message).toMatch(/^expected at most 128 MiB of manifests and configs/);
  await verifyFile(output, { trust: scene.keys.trust });
});

/** Bytes in pieces of these sizes, over and over. */
function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
