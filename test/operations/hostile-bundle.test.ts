import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BundleIndex, type BundleLayout, filesOf } from "../../src/bundle/format/index.js";
import { digestOf, MEDIA_TYPE } from "../../src/oci/index.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { encodeHeader } from "../../src/tar/index.js";
import { readEntry } from "../support/entries.js";
import { failureOf } from "../support/errors.js";
import { describe as describeBytes, sampleImage, sampleLayer, sampleManifest } from "../support/images.js";
import { makeKeys, type TestKeys } from "../support/keys.js";
import { MemorySource } from "../support/memory-source.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { expectRefused as refused, importInto, READING_WAYS } from "./reading-ways.js";
import { reassemble } from "./reassemble.js";

let scene: Scene;
let stranger: TestKeys;
let good: Buffer;
let index: BundleIndex;
let layout: BundleLayout;

beforeAll(async () => {
  scene = await Scene.create();
  stranger = await makeKeys();
  const layers = [await sampleLayer({ "etc/motd": "ahoy" }), await sampleLayer({ "etc/hosts": "::1" })];
  storeImage(scene.near.storage, "app", "1", sampleImage({ layers }));
  await scene.export(["app:1"]);
  good = await readFile(scene.bundle);
  const opened = await openBundle(new MemorySource(good), scene.keys.trust);
  ({ index, layout } = opened);
});

afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

beforeEach(() => {
  scene.far.restage();
});

describe.each(READING_WAYS)("read from $name,", (way) => {
  function verify(bytes: Uint8Array, deep = false) {
    return way.verify(bytes, scene.keys.trust, deep);
  }

  const importIt = (bytes: Uint8Array, prefix = "") => importInto(scene, way, bytes, prefix);
  async function expectRefused(bytes: Uint8Array, ...codes: string[]): Promise<void> {
    const { message } = await refused(scene, way, bytes, codes);
    expect(message).toMatch(/^expected .*, (?:got|but) /);
  }

  test("the bundle is good before anything is done to it", async () => {
    await expect(verify(good, true)).resolves.toMatchObject({ unpackedLayers: 2 });
  });

  describe("a flipped bit", () => {
    test("in any byte of the bundle is found by verify", async () => {
      const passed: number[] = [];
      for (let at = 0; at < good.length; at += 1) {
        // Of long runs of zeros, which are padding, some bytes stand for all.
        if (at % 16 !== 0 && good.subarray(at - 2, at + 3).every((byte) => byte === 0)) continue;
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
        await verify(bytes).then(
          () => passed.push(at),
          (error: unknown) => {
            expect(error).toMatchObject({ exitCode: 3 });
          },
        );
      }
      expect(passed).toEqual([]);
    }, 120_000);

    test("in any entry, header or padding keeps import from tagging anything", async () => {
      const files = filesOf(layout);
      const places = files.flatMap(({ headerPosition, position, size }) => [headerPosition, position, position + size]);
      for (const at of [...places, layout.endPosition, layout.size - 1]) {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ 0x40;
        expect((await failureOf(() => importIt(bytes))).exitCode).toBe(3);
        expect(scene.far.storage.tags("app")).toEqual([]);
      }
    });
  });

  test("a flipped bit in any of the sums is refused by verify and by import", async () => {
    const { headerPosition, position, size } = layout.chunkSums;
    for (let at = headerPosition; at < position + size; at += at < position ? 64 : 8) {
      const bytes = Buffer.from(good);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      await expectRefused(bytes, "BUNDLE_INVALID");
    }
  });

  describe("a tar of another form", () => {
    test("cut off at any block is refused", async () => {
      for (let size = 0; size < good.length; size += 512) {
        expect((await failureOf(() => verify(good.subarray(0, size)))).exitCode).toBe(3);
      }
      await expectRefused(good.subarray(0, good.length - 1), "BUNDLE_INVALID");
    });

    test("with an entry appended behind its end is refused", async () => {
      const hidden = Buffer.concat([good, Buffer.from(encodeHeader("hidden", 0)), Buffer.alloc(1024)]);
      await expectRefused(hidden, "BUNDLE_INVALID");
    });

    test("with an entry in place of the zeros at its end is refused", async () => {
      const bytes = Buffer.from(good);
      bytes.set(encodeHeader("hidden", 0), layout.endPosition);
      await expectRefused(bytes, "BUNDLE_INVALID");
    });

    test("with an entry smuggled between two others is refused", async () => {
      const [entry] = layout.entries;
      const at = entry?.headerPosition ?? 0;
      const extra = Buffer.concat([Buffer.from(encodeHeader("manifest.json", 512)), Buffer.alloc(512)]);
      await expectRefused(Buffer.concat([good.subarray(0, at), extra, good.subarray(at)]), "BUNDLE_INVALID");
    });

    test("with a second manifest.json, which unpacking would prefer, is refused", async () => {
      const manifest = layout.entries.find(({ path }) => path === "manifest.json");
      if (manifest === undefined) throw new Error("no manifest.json");
      const copy = good.subarray(manifest.headerPosition, manifest.position + Math.ceil(manifest.size / 512) * 512);
      const end = layout.endPosition;
      await expectRefused(Buffer.concat([good.subarray(0, end), copy, good.subarray(end)]), "BUNDLE_INVALID");
    });

    test("with two entries swapped is refused", async () => {
      const [a, b] = layout.entries.slice(-2);
      if (a === undefined || b === undefined) throw new Error("too few entries");
      const swapped = Buffer.concat([
        good.subarray(0, a.headerPosition),
        good.subarray(b.headerPosition, layout.endPosition),
        good.subarray(a.headerPosition, b.headerPosition),
        good.subarray(layout.endPosition),
      ]);
      await expectRefused(swapped, "BUNDLE_INVALID");
    });

    test("that hides bytes in its padding is refused", async () => {
      const file = layout.entries.find(({ size }) => size % 512 !== 0);
      if (file === undefined) throw new Error("no padding");
      const bytes = Buffer.from(good);
      bytes.write("contraband", file.position + file.size);
      await expectRefused(bytes, "BUNDLE_INVALID");
    });

    test.each([
      ["nothing", Buffer.alloc(0)],
      ["zeros", Buffer.alloc(10_240)],
      ["text", Buffer.from("no bundle at all")],
    ])("that is %s is refused", async (_what, bytes) => {
      await expectRefused(bytes, "BUNDLE_INVALID");
    });

    test("whose header states an index larger than memory is refused before anything is read", async () => {
      const bytes = Buffer.concat([Buffer.from(encodeHeader("sealift/bundle.json", 2 ** 40)), Buffer.alloc(1024)]);
      await expectRefused(bytes, "BUNDLE_INVALID");
    });
  });

  describe("a document that is also a blob", () => {
    // The publisher of an artifact can foresee the manifest.json of a bundle, and ship the same bytes.
    test("is still hashed where it lies: a changed manifest.json is refused", async () => {
      const image = sampleImage({ layers: [await sampleLayer({ a: "1" })] });
      storeImage(scene.near.storage, "good", "1", image);
      storeImage(scene.near.storage, "evil", "1", sampleImage({ layers: [await sampleLayer({ a: "2" })] }));
      await scene.export(["good:1", "evil:1"]);
      const document = await readEntry(scene.bundle, "manifest.json");
      const config = Buffer.from("{}");
      const root = sampleManifest(MEDIA_TYPE.ociManifest, {
        schemaVersion: 2,
        config: describeBytes("application/x.config", config),
        layers: [describeBytes("application/x.data", document)],
      });
      const blobs = new Map([config, document].map((bytes) => [digestOf(bytes), bytes] as const));
      storeImage(scene.near.storage, "x", "1", { root, manifests: [root], blobs });
      await scene.export(["good:1", "evil:1", "x:1"]);

      const bytes = await readFile(scene.bundle);
      const at = bytes.indexOf(document);
      expect(at).toBeLessThan(bytes.indexOf(document, at + 1));
      bytes.write(
        document.toString().replace("good:1", "swap:1").replace("evil:1", "good:1").replace("swap:1", "evil:1"),
        at,
      );
      await expectRefused(bytes, "DIGEST_MISMATCH");
      expect((await failureOf(() => verify(bytes, true))).code).toBe("DIGEST_MISMATCH");
      expect(scene.far.storage.tags("good")).toEqual([]);
    });
  });

  describe("a changed index", () => {
    test("with the old signature is refused before it is parsed", async () => {
      const edited = Buffer.from(good);
      edited.write("!", layout.index.position);
      await expectRefused(edited, "SIGNATURE_INVALID");
    });

    test("signed by somebody else is refused", async () => {
      await expectRefused(await assemble({ ...index, keyId: stranger.signer.keyId }, stranger), "SIGNATURE_INVALID");
    });

    test("signed by somebody else in the name of the trusted key is refused", async () => {
      await expectRefused(await assemble(index, stranger), "SIGNATURE_INVALID");
    });

    test("that names another key than the one that signed is refused", async () => {
      await expectRefused(await assemble({ ...index, keyId: stranger.signer.keyId }, scene.keys), "BUNDLE_INVALID");
    });

    test.each([
      ["climbs out of its folder", "../../etc/passwd"],
      ["is absolute", "/etc/passwd"],
      ["is another blob's", `blobs/sha256/${"0".repeat(64)}`],
      ["is not in the layout", "sealift/run.sh"],
    ])("with a path that %s is refused, even if the trusted key signed it", async (_what, path) => {
      const entries = index.entries.map((entry, at) => (at === 3 ? { ...entry, path } : entry));
      await expectRefused(await assemble({ ...index, entries }, scene.keys), "BUNDLE_INVALID");
    });

    test("with a size that lies is refused", async () => {
      const entries = index.entries.map((entry, at) => (at === 4 ? { ...entry, size: entry.size + 1 } : entry));
      await expectRefused(
        await assemble({ ...index, entries }, scene.keys),
        "BUNDLE_INVALID",
        "SIZE_MISMATCH",
        "DIGEST_MISMATCH",
      );
    });

    test("with an entry left out that an image needs is refused", async () => {
      const entries = index.entries.slice(0, -1);
      await expectRefused(await assemble({ ...index, entries }, scene.keys), "BUNDLE_INVALID");
    });

    test("whose layers come before what says what they are is refused, even if the trusted key signed it", async () => {
      const documents = index.entries.slice(0, 3);
      const blobs = index.entries.slice(3);
      for (const order of [blobs.toReversed(), [...blobs.slice(1), ...blobs.slice(0, 1)]]) {
        await expectRefused(
          await assemble({ ...index, entries: [...documents, ...order] }, scene.keys),
          "BUNDLE_INVALID",
        );
      }
    });

    test("with a root of another size than its entry is refused", async () => {
      const images = index.images.map((image) => ({ ...image, root: { ...image.root, size: image.root.size + 1 } }));
      await expectRefused(await assemble({ ...index, images }, scene.keys), "SIZE_MISMATCH");
    });

    test.each(["oci-layout", "index.json", "manifest.json"])(
      "whose %s names something else than the images of the index is refused",
      async (path) => {
        const content = Buffer.from("[]");
        const entries = index.entries.map((entry) =>
          entry.path === path ? { path, digest: digestOf(content), size: content.length } : entry,
        );
        await expectRefused(
          await assemble({ ...index, entries }, scene.keys, new Map([[path, content]])),
          "BUNDLE_INVALID",
        );
      },
    );

    test("with a digest that its entry does not have is refused", async () => {
      const last = index.entries.at(-1);
      if (last === undefined) throw new Error("no entries");
      const bytes = Buffer.from(good);
      const placed = layout.entries.at(-1);
      bytes.fill(0x55, placed?.position, (placed?.position ?? 0) + last.size);
      await expectRefused(bytes, "DIGEST_MISMATCH");
    });
  });
});

function assemble(changed: BundleIndex, keys: TestKeys, contents?: ReadonlyMap<string, Buffer>): Promise<Buffer> {
  return reassemble({ bytes: good, layout }, changed, keys, contents);
}
