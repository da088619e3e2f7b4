import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BundleIndex, BundleLayout } from "../../src/bundle/format/index.js";
import { diffFiles } from "../../src/composition/index.js";
import type { Descriptor } from "../../src/oci/index.js";
import { diffBundles } from "../../src/operations/diff.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { failureOf } from "../support/errors.js";
import { type SampleImage, type SampleLayer, sampleImage, sampleIndex, sampleLayer } from "../support/images.js";
import { makeKeys } from "../support/keys.js";
import { MemorySource } from "../support/memory-source.js";
import { ARTIFACT_TYPE, sampleReferrer } from "../support/referrers.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { reassemble } from "./reassemble.js";

let scene: Scene;
let base: SampleLayer;
let fix: SampleLayer;
let before: string;
let after: string;
/** What each image is before and after. */
let old: SampleImage;
let fresh: SampleImage;

const PLATFORMS = ["linux/amd64", "linux/arm64"];

beforeAll(async () => {
  scene = await Scene.create();
  before = scene.folder.file("before.tar");
  after = scene.folder.file("after.tar");
  base = await sampleLayer({ base: "the same" });
  fix = await sampleLayer({ fix: "new" });
  old = sampleImage({ layers: [base] });
  fresh = sampleImage({ layers: [base, fix] });
  const { storage } = scene.near;
  storeImage(storage, "steady", "1", sampleImage({ layers: [base], config: { author: "steady" } }));
  storeImage(storage, "gone", "1", sampleImage({ layers: [await sampleLayer({ gone: "soon" })] }));
  storeImage(storage, "app", "1", old);
  storeImage(
    storage,
    "multi",
    "1",
    sampleIndex(PLATFORMS.map((platform) => ({ image: childFor(platform), platform }))),
  );
  await scene.export(["steady:1", "gone:1", "app:1"], { output: before });
  storeImage(storage, "app", "1", fresh);
  storeImage(storage, "come", "1", sampleImage({ layers: [fix], config: { author: "come" } }));
  await scene.export(["steady:1", "come:1", "app:1"], { output: after });
});

afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

function childFor(platform: string): SampleImage {
  return sampleImage({ layers: [base], platform });
}

function diff(a: string, b: string) {
  return diffFiles(a, b, { trust: scene.keys.trust });
}

/** All blobs of an image, its manifest included. */
function tallyOf(image: SampleImage, ...without: readonly Descriptor[]) {
  const left = new Set(without.map(({ digest }) => digest));
  const sizes = [
    ...image.manifests.map(({ descriptor }) => descriptor),
    ...[...image.blobs].map(([digest, bytes]) => ({ digest, size: bytes.length })),
  ].filter(({ digest }) => !left.has(digest));
  return { blobs: sizes.length, bytes: sizes.reduce((sum, { size }) => sum + size, 0) };
}

describe("what changed from one bundle to another", () => {
  test("images came, went, changed and stayed", async () => {
    const { differs, images } = await diff(before, after);
    const { host } = scene.near;
    expect(differs).toBe(true);
    expect(images.unchanged).toEqual([`${host}/steady:1`]);
    expect(images.removed).toMatchObject([{ name: `${host}/gone:1`, platforms: ["linux/amd64"] }]);
    expect(images.added).toMatchObject([{ name: `${host}/come:1`, platforms: ["linux/amd64"] }]);
    expect(images.changed).toEqual([
      {
        name: `${host}/app:1`,
        digest: { before: old.root.descriptor.digest, after: fresh.root.descriptor.digest },
        platforms: { added: [], removed: [] },
        referrers: { added: [], removed: [] },
        newBlobs: tallyOf(fresh, base.descriptor),
      },
    ]);
  });

  test("blobs are counted by digest, with their bytes, as the indexes list them", async () => {
    const { blobs } = await diff(before, after);
    const [a, b] = [await blobsOf(before), await blobsOf(after)];
    const sum = (sizes: Iterable<number>) => [...sizes].reduce((total, size) => total + size, 0);
    const only = (these: Map<string, number>, others: Map<string, number>) => {
      const found = [...these].filter(([digest]) => !others.has(digest)).map(([, size]) => size);
      return { blobs: found.length, bytes: sum(found) };
    };
    expect(blobs.onlyBefore).toEqual(only(a, b));
    expect(blobs.onlyAfter).toEqual(only(b, a));
    expect(blobs.both.blobs).toBe(b.size - blobs.onlyAfter.blobs);
    expect(blobs.both.bytes).toBe(sum(b.values()) - blobs.onlyAfter.bytes);
  });

  test("a delta would leave out the layers that both have, and carry each manifest and config", async () => {
    const { blobs, delta } = await diff(before, after);
    expect(delta.leftOut).toEqual({ blobs: 1, bytes: base.descriptor.size });
    expect(delta.carried.blobs).toBe(blobs.onlyAfter.blobs + blobs.both.blobs - 1);
    expect(delta.carried.bytes).toBe(blobs.onlyAfter.bytes + blobs.both.bytes - base.descriptor.size);
  });

  test("a delta stands for all that its index lists, and leaves out what was foretold", async () => {
    const delta = scene.folder.file("delta.tar");
    const exported = await scene.export(["steady:1", "come:1", "app:1"], { output: delta, since: [before] });
    const [whole, part] = [await diff(before, after), await diff(before, delta)];
    expect(part).toMatchObject({ images: whole.images, blobs: whole.blobs, delta: whole.delta });
    expect([whole.after.isDelta, part.after.isDelta]).toEqual([false, true]);
    expect(exported.delta).toMatchObject(whole.delta.leftOut);
    const { differs, blobs } = await diff(delta, after);
    expect([differs, blobs.onlyBefore.blobs, blobs.onlyAfter.blobs]).toEqual([false, 0, 0]);
  });

  test("nothing, where a bundle is compared with itself", async () => {
    const { differs, images, blobs } = await diff(after, after);
    expect(differs).toBe(false);
    expect(images).toMatchObject({ added: [], removed: [], changed: [] });
    expect(images.unchanged).toHaveLength(3);
    expect([blobs.onlyBefore, blobs.onlyAfter]).toEqual([
      { blobs: 0, bytes: 0 },
      { blobs: 0, bytes: 0 },
    ]);
  });

  test("platforms that came: the root is as before", async () => {
    const [one, both] = [scene.folder.file("one.tar"), scene.folder.file("both.tar")];
    await scene.export(["multi:1"], { output: one, platforms: [{ os: "linux", architecture: "amd64" }] });
    await scene.export(["multi:1"], { output: both });
    const [change] = (await diff(one, both)).images.changed;
    expect(change?.digest.before).toBe(change?.digest.after);
    expect(change?.platforms).toEqual({ added: ["linux/arm64"], removed: [] });
    expect(change?.newBlobs).toEqual(tallyOf(childFor("linux/arm64"), base.descriptor));
    const [back] = (await diff(both, one)).images.changed;
    expect(back?.platforms).toEqual({ added: [], removed: ["linux/arm64"] });
    expect(back?.newBlobs).toEqual({ blobs: 0, bytes: 0 });
  });

  test("a signature that came: the root is as before", async () => {
    const [plain, signed] = [scene.folder.file("plain.tar"), scene.folder.file("signed.tar")];
    const image = sampleImage({ layers: [base], config: { author: "signed" } });
    storeImage(scene.near.storage, "signed", "1", image);
    await scene.export(["signed:1"], { output: plain });
    const referrer = sampleReferrer(image.root.descriptor, ARTIFACT_TYPE.spdx, "{}");
    storeImage(scene.near.storage, "signed", undefined, referrer);
    await scene.export(["signed:1"], { output: signed });
    const [change] = (await diff(plain, signed)).images.changed;
    expect(change?.digest.before).toBe(change?.digest.after);
    expect(change?.referrers).toEqual({ added: [referrer.root.descriptor.digest], removed: [] });
    expect(change?.newBlobs).toEqual(tallyOf(referrer));
  });
});

describe("bundles that are not to be believed", () => {
  test("one signed by somebody else, on either side, is refused", async () => {
    const stranger = await makeKeys();
    const strange = scene.folder.file("strange.tar");
    await scene.export(["steady:1"], { output: strange, signer: stranger.signer });
    const failure = await failureOf(() => diff(strange, after));
    expect(failure.code).toBe("SIGNATURE_INVALID");
    expect(failure.message).toContain('strange.tar": ');
    expect((await failureOf(() => diff(before, strange))).code).toBe("SIGNATURE_INVALID");
  });

  test("a manifest that was changed is not believed", async () => {
    const { bytes, layout } = await opened(after);
    const manifest = layout.entries.find(({ entry }) => entry.digest === fresh.root.descriptor.digest);
    bytes.fill(0x20, manifest?.position, (manifest?.position ?? 0) + 8);
    const failure = await failureOf(async () =>
      diffBundles({
        before: { name: "before", source: new MemorySource(await readFile(before)) },
        after: { name: "after", source: new MemorySource(bytes) },
        trust: scene.keys.trust,
      }),
    );
    expect(failure.code).toBe("DIGEST_MISMATCH");
  });

  test("an index that states another size for a blob of the other one is refused", async () => {
    const good = await opened(before);
    const entries = good.index.entries.map((entry) =>
      entry.digest === base.descriptor.digest ? { ...entry, size: entry.size + 1 } : entry,
    );
    const lying = await reassemble(good, { ...good.index, entries }, scene.keys);
    const failure = await failureOf(async () =>
      diffBundles({
        before: { name: "before", source: new MemorySource(lying) },
        after: { name: "after", source: new MemorySource(await readFile(after)) },
        trust: scene.keys.trust,
      }),
    );
    expect(failure.code).toBe("SIZE_MISMATCH");
    expect(failure.message).toContain(`for ${base.descriptor.digest}`);
  });

  test("a bundle that ends within its manifests is refused", async () => {
    const { bytes, layout } = await opened(after);
    const cut = bytes.subarray(0, layout.entries[3]?.position);
    const failure = await failureOf(async () =>
      diffBundles({
        before: { name: "before", source: new MemorySource(await readFile(before)) },
        after: { name: "after", source: new MemorySource(cut) },
        trust: scene.keys.trust,
      }),
    );
    expect(failure.code).toBe("BUNDLE_INVALID");
  });
});

async function opened(path: string): Promise<{ bytes: Buffer; index: BundleIndex; layout: BundleLayout }> {
  const bytes = await readFile(path);
  const { index, layout } = await openBundle(new MemorySource(bytes), scene.keys.trust);
  return { bytes, index, layout };
}

async function blobsOf(path: string): Promise<Map<string, number>> {
  const { index } = await opened(path);
  const blobs = index.entries.filter((entry) => entry.path.startsWith("blobs/"));
  return new Map(blobs.map(({ digest, size }) => [digest, size]));
}
