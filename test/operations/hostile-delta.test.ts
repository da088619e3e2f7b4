import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type BundleForm,
  type BundleIndex,
  type BundleLayout,
  type Delta,
  entriesOf,
} from "../../src/bundle/format/index.js";
import { type Digest, digestOf } from "../../src/oci/index.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { failureOf } from "../support/errors.js";
import { noiseLayer, sampleImage } from "../support/images.js";
import { MemorySource } from "../support/memory-source.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { expectRefused as refused, importInto, READING_WAYS } from "./reading-ways.js";
import { reassemble } from "./reassemble.js";

let scene: Scene;
/** A whole bundle of one image with three layers, and what makes a delta of it. */
let good: Buffer;
let index: BundleIndex;
let layout: BundleLayout;
let layers: readonly Digest[];

const BASE = {
  kind: "bundle",
  stream: "week1",
  serial: 1,
  created: "2026-01-01T00:00:00Z",
  indexDigest: digestOf(Buffer.from("week 1")),
} as const;

beforeAll(async () => {
  scene = await Scene.create();
  const samples = [await noiseLayer(3000, "a"), await noiseLayer(2000, "b"), await noiseLayer(1000, "c")];
  storeImage(scene.near.storage, "app", "1", sampleImage({ layers: samples }));
  await scene.export(["app:1"]);
  good = await readFile(scene.bundle);
  ({ index, layout } = await openBundle(new MemorySource(good), scene.keys.trust));
  layers = index.entries.slice(-3).map(({ digest }) => digest);
  for (const { bytes } of samples) scene.far.storage.putBlob("app", bytes);
});

afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

beforeEach(() => {
  scene.far.restage();
});

/** An index that leaves out the first layers, or what else it is told. */
function deltaOf(change: Partial<Delta> = {}, count = 2): BundleIndex {
  const leftOut = layers.slice(0, count).map((digest) => ({ digest, base: 0, repository: "app" }));
  return { ...index, delta: { bases: [BASE], leftOut, ...change } };
}

function bytesOf(changed: BundleIndex, form: BundleForm, contents?: ReadonlyMap<string, Buffer>): Promise<Buffer> {
  return reassemble({ bytes: good, layout }, changed, scene.keys, contents, form);
}

describe.each(READING_WAYS)("read from $name,", (way) => {
  function verify(bytes: Uint8Array) {
    return way.verify(bytes, scene.keys.trust, false);
  }

  const importIt = (bytes: Uint8Array, prefix = "") => importInto(scene, way, bytes, prefix);
  const expectRefused = (bytes: Uint8Array, ...codes: string[]) => refused(scene, way, bytes, codes);

  describe("a delta", () => {
    test.each(["delta", "full"] as const)("is good in its %s form before anything is done to it", async (form) => {
      const bytes = await bytesOf(deltaOf(), form);
      expect((await verify(bytes)).delta).toMatchObject({ form, blobs: 2 });
    });

    test("that leaves out nothing is refused", async () => {
      await expectRefused(await bytesOf(deltaOf({ leftOut: [] }), "full"), "BUNDLE_INVALID");
    });

    test.each(["delta", "full"] as const)("that leaves out a manifest is refused in its %s form", async (form) => {
      const root = index.images[0]!.root.digest;
      const leftOut = [{ digest: root, base: 0, repository: "app" }];
      await expectRefused(await bytesOf(deltaOf({ leftOut }), form), "BUNDLE_INVALID");
    });

    test.each(["delta", "full"] as const)("that leaves out a config is refused in its %s form", async (form) => {
      const root = index.images[0]!.root.digest;
      const config = index.entries.slice(3, 5).find(({ digest }) => digest !== root)!.digest;
      const leftOut = [{ digest: config, base: 0, repository: "app" }];
      await expectRefused(await bytesOf(deltaOf({ leftOut }), form), "BUNDLE_INVALID");
    });

    test.each<[string, (all: Delta["leftOut"]) => Partial<Delta>]>([
      ["a base that is not there", ([first]) => ({ leftOut: [{ ...first!, base: 1 }] })],
      ["a base below zero", ([first]) => ({ leftOut: [{ ...first!, base: -1 }] })],
      ["a base that nothing relies on", () => ({ bases: [BASE, BASE] })],
      ["a blob that is no entry", ([first]) => ({ leftOut: [{ ...first!, digest: digestOf(Buffer.from("?")) }] })],
      ["a blob twice", ([first]) => ({ leftOut: [first!, first!] })],
      ["blobs in another order", ([first, second]) => ({ leftOut: [second!, first!] })],
      ["blobs that do not follow each other", ([first]) => ({ leftOut: [first!, { ...first!, digest: layers[2]! }] })],
      ["a layer other than the first", ([first]) => ({ leftOut: [{ ...first!, digest: layers[1]! }] })],
      ["a repository that climbs out", ([first]) => ({ leftOut: [{ ...first!, repository: "../admin" }] })],
      ["a repository with a host", ([first]) => ({ leftOut: [{ ...first!, repository: "evil.com:443/app" }] })],
      ["an inventory of no registry", () => ({ bases: [{ ...BASE, kind: "inventory", registry: "a/b" } as never] })],
    ])("that names %s is refused", async (_what, change) => {
      const all = deltaOf().delta!.leftOut;
      const lying = deltaOf(change(all));
      for (const form of ["delta", "full"] as const) await expectRefused(await bytesOf(lying, form), "BUNDLE_INVALID");
    });

    test("that leaves out what no image needs is refused", async () => {
      const extra = Buffer.from("nobody's");
      const entry = { path: `blobs/sha256/${digestOf(extra).slice(7)}`, digest: digestOf(extra), size: extra.length };
      const entries = [...index.entries.slice(0, 5), entry, ...index.entries.slice(5)];
      const leftOut = [{ digest: entry.digest, base: 0, repository: "app" }];
      const lying = { ...index, entries, delta: { bases: [BASE], leftOut } };
      await expectRefused(await bytesOf(lying, "delta"), "BUNDLE_INVALID");
      await expectRefused(await bytesOf(lying, "full", new Map([[entry.path, extra]])), "BUNDLE_INVALID");
    });

    test("that states another size than its manifest for what it leaves out is refused", async () => {
      const entries = index.entries.map((entry) =>
        entry.digest === layers[0] ? { ...entry, size: entry.size + 1 } : entry,
      );
      await expectRefused(await bytesOf({ ...deltaOf(), entries }, "delta"), "SIZE_MISMATCH");
    });

    test("cut off at any block is refused", async () => {
      for (const form of ["delta", "full"] as const) {
        const bytes = await bytesOf(deltaOf(), form);
        for (let size = 0; size < bytes.length; size += 512) {
          expect((await failureOf(() => verify(bytes.subarray(0, size)))).exitCode).toBe(3);
        }
      }
    });
  });

  describe("a form that passes for the other one:", () => {
    test("the delta form with the mark's header before what follows is refused", async () => {
      const [delta, full] = [await bytesOf(deltaOf(), "delta"), await bytesOf(deltaOf(), "full")];
      const { layout: present } = await openBundle(new MemorySource(delta), scene.keys.trust);
      const { layout: all } = await openBundle(new MemorySource(full), scene.keys.trust);
      const mark = all.entries.find(({ entry }) => entry.digest === layers[0])!.headerPosition;
      expect(mark).toBe(present.entries.find(({ entry }) => entry.digest === layers[2])!.headerPosition);
      const header = full.subarray(mark, mark + 512);
      await expectRefused(
        Buffer.concat([delta.subarray(0, mark), header, delta.subarray(mark)]),
        "BUNDLE_INVALID",
        "DIGEST_MISMATCH",
      );
      const replaced = Buffer.from(delta);
      replaced.set(header, mark);
      await expectRefused(replaced, "BUNDLE_INVALID", "DIGEST_MISMATCH");
    });

    test("the full form without the mark's header is refused, whatever stands there", async () => {
      const full = await bytesOf(deltaOf(), "full");
      const { layout: all } = await openBundle(new MemorySource(full), scene.keys.trust);
      const [first, , last] = all.entries.slice(-3);
      for (const header of [
        Buffer.alloc(512),
        full.subarray(last!.headerPosition, last!.position),
        full.subarray(all.chunkSums.headerPosition, all.chunkSums.position),
      ]) {
        const bytes = Buffer.from(full);
        bytes.set(header, first!.headerPosition);
        await expectRefused(bytes, "BUNDLE_INVALID", "DIGEST_MISMATCH");
      }
    });

    test("the delta form padded to the size of the full one is refused", async () => {
      const [delta, full] = [await bytesOf(deltaOf(), "delta"), await bytesOf(deltaOf(), "full")];
      const padded = Buffer.concat([delta, Buffer.alloc(full.length - delta.length)]);
      await expectRefused(padded, "BUNDLE_INVALID");
    });

    test("the full form with some of what is left out missing is refused", async () => {
      const full = await bytesOf(deltaOf(), "full");
      const { layout: all } = await openBundle(new MemorySource(full), scene.keys.trust);
      const [, second, last] = all.entries.slice(-3);
      const bytes = Buffer.concat([full.subarray(0, second!.headerPosition), full.subarray(last!.headerPosition)]);
      await expectRefused(bytes, "BUNDLE_INVALID");
    });
  });

  test("a full form needs nothing of the registry that its delta leaves out", async () => {
    const prefix = `whole/${way.name.replace(" ", "-")}`;
    const { blobs } = await importIt(await bytesOf(deltaOf(), "full"), prefix);
    expect(blobs).toMatchObject({ transferred: 4, present: 0, mounted: 0 });
    expect(scene.far.storage.tags(`${prefix}/app`)).toEqual(["1"]);
  });

  test("a delta form needs what its base brought, and takes it from there", async () => {
    const prefix = `base/${way.name.replace(" ", "-")}`;
    for (const digest of layers.slice(0, 2)) scene.far.storage.mountBlob("app", `${prefix}/app`, digest);
    const { blobs } = await importIt(await bytesOf(deltaOf(), "delta"), prefix);
    expect(blobs).toMatchObject({ transferred: 2, present: 2 });
    expect(scene.far.storage.tags(`${prefix}/app`)).toEqual(["1"]);
  });

  test("a delta form that lacks its base sends nothing at all", async () => {
    const bytes = await bytesOf(deltaOf(), "delta");
    expect(await failureOf(() => importIt(bytes, "none"))).toMatchObject({ code: "NOT_FOUND", exitCode: 4 });
    expect(scene.far.requestLines().filter((line) => !/^(?:HEAD|GET) /.test(line))).toEqual([]);
  });
});

test("a blob that is named by SHA-512 tells the forms apart, too", async () => {
  const content = Buffer.from("long");
  const digest = digestOf(content, "sha512");
  const path = `blobs/sha512/${digest.slice(7)}`;
  const next = digestOf(Buffer.from("longer"), "sha512");
  const entries = [
    ...index.entries.slice(0, 5),
    { path, digest, size: 4 },
    { path: `blobs/sha512/${next.slice(7)}`, digest: next, size: 4 },
  ];
  const leftOut = [{ digest, base: 0, repository: "app" }];
  const changed: BundleIndex = { ...index, entries, delta: { bases: [BASE], leftOut } };
  for (const form of ["delta", "full"] as const) {
    const opened = await openBundle(new MemorySource(await bytesOf(changed, form)), scene.keys.trust);
    // The first blocks of both headers are the same.
    expect(opened.form).toBe(form);
    expect(opened.layout.entries.map(({ entry }) => entry)).toEqual(entriesOf(changed, form));
  }
});
