import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodePatchIndex, headerOf, planForm, planPatch } from "../../src/bundle/format/index.js";
import { SealiftError } from "../../src/errors/index.js";
import { digestOf } from "../../src/oci/index.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { sigstoreBundle } from "../../src/signing/index.js";
import { failureOf } from "../support/errors.js";
import { MemorySource } from "../support/memory-source.js";
import { signIndex } from "./assemble-bundle.js";
import { DamagedCopy, DamageStage } from "./damage-stage.js";
import { reassemble } from "./reassemble.js";

let stage: DamageStage;

beforeAll(async () => {
  stage = await DamageStage.create();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

const large = () => stage.layout.entries.find(({ size }) => size > 8_000_000)!;
const CHUNK = 4 * 2 ** 20;

/** A copy with these bytes changed. */
function changed(...places: readonly number[]): Buffer {
  const copy = stage.copy();
  for (const at of places) copy.writeUInt8((copy[at] ?? 0) ^ 1, at);
  return copy;
}

/** A medium on which some stretches cannot be read. */
class BadMedium extends MemorySource {
  readonly #isBad: (position: number, end: number) => boolean;
  readonly #failure: SealiftError;
  reads = 0;

  constructor(
    bytes: Uint8Array,
    isBad: (position: number, end: number) => boolean,
    failure = new SealiftError("MEDIUM_FAILED", "the medium failed (EIO)"),
  ) {
    super(bytes);
    this.#isBad = isBad;
    this.#failure = failure;
  }

  override async read(position: number, length: number): Promise<Uint8Array> {
    this.reads += 1;
    if (this.#isBad(position, position + length)) throw this.#failure;
    return await super.read(position, length);
  }
}

describe("a quick check", () => {
  test("finds nothing wrong with a good bundle", async () => {
    expect(await stage.quick(new MemorySource(stage.good))).toMatchObject({
      damage: [],
      surplus: 0,
      hasSums: true,
      indexDigest: stage.indexDigest,
      entries: stage.layout.entries.length,
    });
  });

  test("finds one flipped bit in any file, header and padding", async () => {
    const { layout } = stage;
    const files = [...layout.entries, layout.chunkSums];
    const places = [
      layout.sigstoreBundle.position,
      ...files.flatMap(({ headerPosition, position, size }) => [headerPosition, position, position + size - 1]),
      ...files.flatMap(({ position, size }) => (size % 512 === 0 ? [] : [position + size])),
      layout.size - 1,
    ];
    for (const at of places) {
      const { damage } = await stage.quick(new MemorySource(changed(at)));
      expect(damage).toHaveLength(1);
      expect(damage[0]!.position).toBeLessThanOrEqual(at);
      expect(damage[0]!.position + damage[0]!.length).toBeGreaterThan(at);
    }
  }, 120_000);

  test("goes on after damage, and joins chunks that follow each other", async () => {
    const { position, path, size, headerPosition } = large();
    const first = stage.layout.entries[0]!;
    const copy = changed(first.position, headerPosition, position, position + CHUNK, position + size - 1);
    const { damage } = await stage.quick(new MemorySource(copy));
    const before = stage.layout.entries[stage.layout.entries.indexOf(large()) - 1]!;
    expect(damage).toMatchObject([
      { path: first.path, position: first.position, length: first.size, fault: "content" },
      { path, position: before.position + before.size, fault: "header" },
      { path, position, length: size, fault: "content" },
    ]);
  });

  test("names the images that need what is damaged", async () => {
    const images = async (at: number) => (await stage.quick(new MemorySource(changed(at)))).damage[0]!.images;
    const { host } = stage.scene.near;
    expect(await images(large().position)).toEqual([`${host}/large:1`]);
    const shared = stage.layout.entries.filter(({ path, size }) => path.startsWith("blobs/") && size < 300);
    const users = await Promise.all(shared.map(({ position }) => images(position)));
    expect(users).toContainEqual([`${host}/large:1`, `${host}/small:1`]);
    const document = stage.layout.entries.find(({ path }) => path === "index.json")!;
    expect(await images(document.position)).toEqual([`${host}/large:1`, `${host}/small:1`]);
    expect(await images(stage.layout.chunkSums.position)).toEqual([]);
  });

  test("names the image whose manifest is damaged", async () => {
    const { images } = await stage.quick(new MemorySource(stage.good));
    for (const { name, root } of images) {
      const manifest = stage.layout.entries.find(({ entry }) => entry.digest === root.digest)!;
      const { damage } = await stage.quick(new MemorySource(changed(manifest.position)));
      expect(damage).toMatchObject([{ path: manifest.path, images: [name] }]);
    }
  });

  test("of a bundle that was cut off says what is missing, and that the sums are", async () => {
    const { position, path } = large();
    const copy = stage.copy().subarray(0, position + CHUNK + 5);
    const { damage, hasSums } = await stage.quick(new MemorySource(copy));
    expect(hasSums).toBe(false);
    expect(damage.every(({ fault }) => fault === "missing")).toBe(true);
    expect(damage[0]).toMatchObject({ path, position: position + CHUNK });
    expect(damage.at(-1)).toMatchObject({ path: undefined });
  });

  test("of a bundle whose sums are damaged looks at the form only, and says so", async () => {
    const { chunkSums } = stage.layout;
    const { damage, hasSums } = await stage.quick(new MemorySource(changed(chunkSums.position, large().position)));
    expect(hasSums).toBe(false);
    expect(damage).toMatchObject([{ path: chunkSums.path, position: chunkSums.position, length: chunkSums.size }]);
  });

  test("says how much there is after the end", async () => {
    const longer = Buffer.concat([stage.good, Buffer.alloc(7)]);
    expect(await stage.quick(new MemorySource(longer))).toMatchObject({ damage: [], surplus: 7 });
  });

  test("goes on after places that cannot be read", async () => {
    const { position, path } = large();
    const isBad = (start: number, end: number) => start <= position + 100 && end > position + 100;
    const { damage } = await stage.quick(new BadMedium(stage.good, isBad));
    expect(damage).toMatchObject([{ path, position, length: CHUNK, fault: "missing" }]);
  });

  test("gives up on a medium that was pulled", async () => {
    const { position } = stage.layout.entries[0]!;
    const isBad = (start: number, end: number) => end > position && start < stage.layout.chunkSums.position;
    const medium = new BadMedium(stage.good, isBad);
    expect((await failureOf(() => stage.quick(medium))).code).toBe("MEDIUM_FAILED");
    expect(medium.reads).toBeLessThan(60);
  });

  test("gives up at once when the system says that it is gone", async () => {
    const gone = new SealiftError("MEDIUM_FAILED", "gone", {
      cause: Object.assign(new Error("x"), { code: "ENODEV" }),
    });
    const medium = new BadMedium(stage.good, (start) => start > large().position, gone);
    expect((await failureOf(() => stage.quick(medium))).code).toBe("MEDIUM_FAILED");
  });

  test("does not begin with a head that is wrong", async () => {
    const { index, signature } = stage.layout;
    for (const at of [index.headerPosition, index.position, signature.position]) {
      expect((await failureOf(() => stage.quick(new MemorySource(changed(at))))).exitCode).toBe(3);
    }
  });

  test("refuses a bundle without damage that is not as its index says", async () => {
    const { index } = await openBundle(new MemorySource(stage.good), stage.trust);
    const entries = index.entries.slice(0, -1);
    const lacking = await reassemble(
      { bytes: stage.good, layout: stage.layout },
      { ...index, entries },
      stage.scene.keys,
    );
    expect((await failureOf(() => stage.quick(new MemorySource(lacking)))).code).toBe("BUNDLE_INVALID");
  });

  test("is no proof: a chunk that was changed together with its sum passes, and the full check finds it", async () => {
    const { index } = await openBundle(new MemorySource(stage.good), stage.trust);
    const contents = new Map([[large().path, Buffer.alloc(large().size, 1)]]);
    // The same signed index, and so the same layout, with sums of other bytes.
    const { signer } = stage.scene.keys;
    const forged = await reassemble(
      { bytes: stage.good, layout: stage.layout },
      index,
      { ...stage.scene.keys, signer },
      contents,
    );
    expect(await stage.quick(new MemorySource(forged))).toMatchObject({ damage: [], hasSums: true });
    expect(await stage.find(new DamagedCopy(forged))).toMatchObject({
      kind: "damaged",
      damage: [{ path: large().path }],
    });
  });
});

describe("a small file whose signed index claims a layer of 4 PiB", () => {
  /** A head that is good, two documents, and nothing else. */
  async function claiming(): Promise<{ readonly bytes: Buffer; readonly path: string; readonly size: number }> {
    const { index } = await openBundle(new MemorySource(stage.good), stage.trust);
    const { path } = large();
    const size = 2 ** 52;
    const entries = index.entries.map((entry) => (entry.path === path ? { ...entry, size } : entry));
    const { bytes, signature } = signIndex({ ...index, entries }, stage.scene.keys);
    const sigstore = sigstoreBundle(signature, digestOf(bytes), index.keyId);
    const sizes = { index: bytes.length, signature: signature.length, sigstoreBundle: sigstore.length };
    const layout = planForm(sizes, { ...index, entries }, "full");
    const file = Buffer.alloc(layout.entries[2]!.position);
    for (const [placed, content] of [
      [layout.index, bytes],
      [layout.signature, signature],
      [layout.sigstoreBundle, sigstore],
    ] as const) {
      file.set(headerOf(placed), placed.headerPosition);
      file.set(content, placed.position);
    }
    return { bytes: file, path, size };
  }

  test("is told at once to lack it, as one range", async () => {
    const { bytes, path, size } = await claiming();
    const { damage, hasSums } = await stage.quick(new MemorySource(bytes));
    expect(hasSums).toBe(false);
    const lacking = { path, fault: "missing", length: expect.toSatisfy((length: number) => length >= size) as number };
    expect(damage).toContainEqual(expect.objectContaining(lacking));
    const report = await stage.find(new MemorySource(bytes));
    expect(report).toMatchObject({ kind: "damaged" });
    expect("damage" in report && report.damage).toContainEqual(expect.objectContaining(lacking));
  });

  test("is repaired no further than a patch reaches", async () => {
    const { bytes } = await claiming();
    const opened = await openBundle(new MemorySource(bytes), stage.trust);
    const layer = opened.layout.entries.find(({ size }) => size > 8_000_000)!;
    const content = Buffer.alloc(100, 1);
    const range = { position: layer.position, length: 100, sha256: digestOf(content).slice("sha256:".length) };
    const head = encodePatchIndex({ index: opened.indexDigest, size: opened.layout.size, ranges: [range] });
    const layout = planPatch(head.length, [range]);
    const patch = Buffer.alloc(layout.size);
    patch.set(headerOf(layout.index), 0);
    patch.set(head, layout.index.position);
    patch.set(headerOf(layout.ranges[0]!), layout.ranges[0]!.headerPosition);
    patch.set(content, layout.ranges[0]!.position);
    const copy = new DamagedCopy(bytes);
    expect(await stage.repair(copy, patch)).toBe(0);
  });
});
