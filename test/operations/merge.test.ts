import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { FileSink } from "../../src/bundle/index.js";
import { SealiftError } from "../../src/errors/index.js";
import type { Descriptor } from "../../src/oci/index.js";
import { type MergeOptions, mergeBundles } from "../../src/operations/merge.js";
import { type OpenBundle, openBundle } from "../../src/operations/read/open-bundle.js";
import { verifyBundle } from "../../src/operations/verify.js";
import type { OperationEvent, RandomAccessSink, RandomAccessSource } from "../../src/ports/index.js";
import { failureOf } from "../support/errors.js";
import { noiseLayer, type SampleLayer, sampleImage, sampleLayer } from "../support/images.js";
import { makeKeys } from "../support/keys.js";
import { MemorySource } from "../support/memory-source.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { type MadeDelta, makeDelta } from "./make-delta.js";
import { reassemble } from "./reassemble.js";

let scene: Scene;
let output: string;
let layers: readonly SampleLayer[];
let fix: SampleLayer;
/** A bundle of one week, and of the next one. */
let base: Buffer;
let full: Buffer;
let delta: MadeDelta;

beforeAll(async () => {
  scene = await Scene.create();
  output = scene.folder.file("new.tar");
  layers = [await noiseLayer(1_500_000, "large"), await sampleLayer({ small: "layer" })];
  fix = await sampleLayer({ fix: "of the week" });
  storeImage(scene.near.storage, "app", "1", sampleImage({ layers }));
  base = await exported("base.tar", ["app:1"]);
  storeImage(scene.near.storage, "app", "1", sampleImage({ layers: [...layers, fix] }));
  storeImage(scene.near.storage, "more", "1", sampleImage({ layers: layers.slice(1), config: { author: "more" } }));
  full = await exported("full.tar", ["app:1", "more:1"]);
  delta = await deltaOf(full, base);
});

afterEach(async () => {
  for (const name of await written()) await rm(scene.folder.file(name));
});

afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

async function exported(name: string, images: readonly string[], since?: readonly string[]): Promise<Buffer> {
  const path = scene.folder.file(name);
  // A bundle in the place would be named in the index of the next one.
  await rm(path, { force: true });
  await scene.export(images, { output: path, ...(since === undefined ? {} : { since }) });
  return await readFile(path);
}

function deltaOf(later: Buffer, earlier: Buffer, only: readonly SampleLayer[] = [...layers, fix]): Promise<MadeDelta> {
  const digests = new Set(only.map(({ descriptor }) => descriptor.digest));
  return makeDelta({ full: later, base: earlier, keys: scene.keys, leaveOut: (digest) => digests.has(digest) });
}

interface MergeSources extends Partial<MergeOptions> {
  readonly from: readonly (Buffer | RandomAccessSource)[];
  readonly with?: Buffer;
}

/** Merges, the first of `from` as `base 0`, into {@link output}. */
function merge({ from, with: last = delta.bytes, ...options }: MergeSources) {
  const sources = from.map((source) => (Buffer.isBuffer(source) ? new MemorySource(source) : source));
  return mergeBundles({
    bases: sources.map((source, at) => ({ name: `base ${at}`, source })),
    delta: { name: "delta", source: new MemorySource(last) },
    trust: scene.keys.trust,
    concurrency: 2,
    openSink: () => FileSink.create(output, undefined),
    onEvent: () => undefined,
    ...options,
  });
}

/** Stops a merge after the first bytes of the large layer, which come first. */
async function stopped(): Promise<void> {
  const stop = new AbortController();
  const onEvent = (event: OperationEvent) => {
    if (event.type === "blob-progress") stop.abort(new SealiftError("INTERRUPTED", "stopped"));
  };
  const failure = await failureOf(() => merge({ from: [base], signal: stop.signal, onEvent, concurrency: 1 }));
  expect(failure.code).toBe("INTERRUPTED");
}

/** What lies where the bundle should, or beside it. */
async function written(): Promise<string[]> {
  return (await readdir(scene.folder.path)).filter((name) => name.startsWith("new.tar"));
}

/** A bundle with the bytes of one blob changed where they lie. */
async function damaged(bundle: Buffer, { digest }: Descriptor): Promise<Buffer> {
  const { layout } = await openBundle(new MemorySource(bundle), scene.keys.trust);
  const placed = layout.entries.find(({ entry }) => entry.digest === digest);
  if (placed === undefined) throw new Error(`no ${digest}`);
  const bytes = Buffer.from(bundle);
  const last = placed.position + placed.size - 1;
  bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
  return bytes;
}

function warnings(): { readonly texts: string[]; readonly onEvent: (event: OperationEvent) => void } {
  const texts: string[] = [];
  return {
    texts,
    onEvent: (event) => {
      if (event.type === "warning") texts.push(event.text);
    },
  };
}

describe("a merge", () => {
  test("writes the full form, byte for byte, under the delta's index and signature", async () => {
    const result = await merge({ from: [base] });
    expect(result).toMatchObject({
      indexDigest: delta.indexDigest,
      identity: delta.index.identity,
      signedBy: scene.keys.signer.keyId,
      size: delta.merged.length,
    });
    expect((await readFile(output)).equals(delta.merged)).toBe(true);
    expect(await written()).toEqual(["new.tar"]);
  });

  test("makes a bundle that verifies, layers and all", async () => {
    await merge({ from: [base] });
    const result = await verifyBundle({
      source: new MemorySource(await readFile(output)),
      trust: scene.keys.trust,
      deep: true,
      onEvent: () => undefined,
    });
    expect(result).toMatchObject({ indexDigest: delta.indexDigest, unpackedLayers: 3 });
  });

  test("says what came from which of the other bundles", async () => {
    const { taken } = await merge({ from: [base, full] });
    const bytes = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    expect(taken).toEqual([
      { name: "base 0", blobs: 2, bytes },
      { name: "base 1", blobs: 0, bytes: 0 },
    ]);
  });

  test("says so if another bundle is newer than the delta, which was to be named last", async () => {
    const path = scene.folder.file("newer.tar");
    await scene.export(["app:1", "more:1"], { output: path, created: new Date(Date.now() + 3_600_000) });
    const { texts, onEvent } = warnings();
    await merge({ from: [base, await readFile(path)], onEvent });
    expect(texts).toEqual([expect.stringMatching(/^"base 1" was made at .*, after the delta/)]);
    expect((await readFile(output)).equals(delta.merged)).toBe(true);
  });

  test("takes a chain of deltas over a full bundle", async () => {
    storeImage(scene.near.storage, "app", "1", sampleImage({ layers: [...layers, fix], config: { author: "later" } }));
    const latest = await exported("latest.tar", ["app:1"]);
    const second = await deltaOf(latest, full);
    const { taken } = await merge({ from: [base, delta.bytes], with: second.bytes });
    expect((await readFile(output)).equals(second.merged)).toBe(true);
    expect(taken.map(({ blobs }) => blobs)).toEqual([2, 1]);
  });

  test("a base may be cut off behind what is needed", async () => {
    const cut = base.subarray(0, base.length - 1024);
    await merge({ from: [cut] });
    expect((await readFile(output)).equals(delta.merged)).toBe(true);
  });
});

describe("a merge is refused, and nothing is written,", () => {
  test("if the last bundle is whole", async () => {
    for (const whole of [full, delta.merged]) {
      const failure = await failureOf(() => merge({ from: [base], with: whole, openSink: neverOpened }));
      expect(failure.code).toBe("USAGE");
      expect(failure.message).toContain('"delta" is whole');
    }
  });

  test("if a blob is in none of the bundles: it says how many, of which images, and which bundle has them", async () => {
    const other = await exported("other.tar", ["more:1"]);
    const failure = await failureOf(() => merge({ from: [other], openSink: neverOpened }));
    const { host } = scene.near;
    expect(failure.code).toBe("USAGE");
    expect(failure.message).toContain("to have the 2 blobs that the delta leaves out, got none of these: 1 that ");
    expect(failure.message).toContain("the bundle base, serial 1767323045, created 2026-01-02T03:04:05Z");
    expect(failure.message).toContain(`without them, ${host}/app:1 would not be whole`);
    expect(failure.message).not.toContain(`${host}/more:1`);
  });

  test("if a blob is there with another size only: a size that lies is not believed", async () => {
    const { index, layout } = await openBundle(new MemorySource(base), scene.keys.trust);
    const [large] = layers;
    const entries = index.entries.map((entry) =>
      entry.digest === large?.descriptor.digest ? { ...entry, size: entry.size - 1 } : entry,
    );
    const lying = await reassemble({ bytes: base, layout }, { ...index, entries }, scene.keys);
    expect((await failureOf(() => merge({ from: [lying], openSink: neverOpened }))).code).toBe("USAGE");
    await merge({ from: [lying, base] });
    expect((await readFile(output)).equals(delta.merged)).toBe(true);
  });

  test("if a bundle is signed by somebody else, be it the delta or another one", async () => {
    const stranger = await makeKeys();
    const strange = await scene.export(["app:1"], {
      output: scene.folder.file("strange.tar"),
      signer: stranger.signer,
    });
    expect(strange.size).toBeGreaterThan(0);
    const bytes = await readFile(scene.folder.file("strange.tar"));
    expect((await failureOf(() => merge({ from: [base, bytes], openSink: neverOpened }))).code).toBe(
      "SIGNATURE_INVALID",
    );
    const forged = await makeDelta({ full, base, keys: stranger, leaveOut: () => false, change: forgedDelta });
    const failure = await failureOf(() => merge({ from: [base], with: forged.bytes, openSink: neverOpened }));
    expect(failure.code).toBe("SIGNATURE_INVALID");
  });

  test("if the delta's form is not the one that its index determines", async () => {
    const { layout } = await openBundle(new MemorySource(delta.bytes), scene.keys.trust);
    const bytes = Buffer.from(delta.bytes);
    bytes.writeUInt8(bytes.readUInt8(layout.endPosition) ^ 1, layout.endPosition);
    const failure = await failureOf(() => merge({ from: [base], with: bytes, openSink: neverOpened }));
    expect(failure.code).toBe("BUNDLE_INVALID");
  });

  test("if a manifest of the delta is damaged", async () => {
    const root = delta.index.images[0]?.root;
    if (root === undefined) throw new Error("no image");
    const bytes = await damaged(delta.bytes, root);
    const failure = await failureOf(() => merge({ from: [base], with: bytes, openSink: neverOpened }));
    expect(failure.code).toBe("DIGEST_MISMATCH");
  });
});

describe("a blob that is damaged", () => {
  test("in one bundle is taken from another one, and said so", async () => {
    const [large] = layers;
    if (large === undefined) throw new Error("no layer");
    const { texts, onEvent } = warnings();
    await merge({ from: [await damaged(base, large.descriptor), full], onEvent });
    expect((await readFile(output)).equals(delta.merged)).toBe(true);
    expect(texts).toEqual([
      expect.stringMatching(/^expected blob sha256:\w+ from "base 0", got .*: taking it from "base 1" instead$/),
    ]);
  });

  test("in all bundles ends the merge, and nothing has the final name", async () => {
    const [large] = layers;
    if (large === undefined) throw new Error("no layer");
    const bad = await damaged(base, large.descriptor);
    const failure = await failureOf(() => merge({ from: [bad, bad] }));
    expect(failure.code).toBe("DIGEST_MISMATCH");
    expect(failure.message).toContain('from "base 0"');
    expect(await written()).not.toContain("new.tar");
  });

  test("in the delta itself is found, too", async () => {
    const bytes = await damaged(delta.bytes, fix.descriptor);
    const failure = await failureOf(() => merge({ from: [base], with: bytes }));
    expect(failure.code).toBe("DIGEST_MISMATCH");
    expect(await written()).not.toContain("new.tar");
  });
});

describe("a merge that breaks off", () => {
  test("because a bundle vanishes mid-way: nothing has the final name, and it can be run again", async () => {
    const failure = await failureOf(() => merge({ from: [vanishing(base, 1_000_000)] }));
    expect(failure.code).toBe("MEDIUM_FAILED");
    expect(await written()).not.toContain("new.tar");
    await merge({ from: [base] });
    expect((await readFile(output)).equals(delta.merged)).toBe(true);
    expect(await written()).toEqual(["new.tar"]);
  });

  test("because a bundle vanishes mid-way goes on with another one that has the rest", async () => {
    await merge({ from: [vanishing(base, 1_000_000), base] });
    expect((await readFile(output)).equals(delta.merged)).toBe(true);
  });

  test("because the disk is full says so, and looks for no other bundle", async () => {
    const { texts, onEvent } = warnings();
    const failure = await failureOf(() => merge({ from: [base, full], openSink: async () => new FullSink(), onEvent }));
    expect(failure.code).toBe("NO_SPACE");
    expect(texts).toEqual([]);
  });

  test("leaves bytes that are hashed before they are used: a wrong one is written again", async () => {
    await stopped();
    const partial = scene.folder.file("new.tar.partial");
    const bytes = await readFile(partial);
    const [large] = layers;
    const placed = (await opened(delta.merged)).layout.entries.find(
      ({ entry }) => entry.digest === large?.descriptor.digest,
    );
    const position = (placed?.position ?? 0) + 1000;
    bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
    await writeFile(partial, bytes);
    await merge({ from: [base], concurrency: 1 });
    expect((await readFile(output)).equals(delta.merged)).toBe(true);
  });

  test("because somebody stops it goes on where it was, and reads no byte of the bundle twice", async () => {
    await stopped();
    expect(await written()).toContain("new.tar.partial");
    expect(await written()).not.toContain("new.tar");

    const { source, count } = counting(base);
    await merge({ from: [source], concurrency: 1 });
    expect((await readFile(output)).equals(delta.merged)).toBe(true);
    const [large] = layers;
    expect(count()).toBeLessThan(large?.descriptor.size ?? 0);
    expect(await written()).toEqual(["new.tar"]);
  });
});

test("whatever is exported: a delta and its base merge into what a full export would have been", async () => {
  const pool = await Promise.all([...Array(6).keys()].map((seed) => noiseLayer(400 + 700 * seed, String(seed))));
  const image = fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 4 });
  const images = fc.array(image, { minLength: 1, maxLength: 3 });
  const store = (sets: readonly (readonly number[])[]) =>
    sets.map((set, at) => {
      const chosen = set.flatMap((seed) => pool[seed] ?? []);
      storeImage(scene.near.storage, `random${at}`, "1", sampleImage({ layers: chosen, config: { author: `${at}` } }));
      return `random${at}:1`;
    });
  await fc.assert(
    fc.asyncProperty(images, images, async (before, after) => {
      const earlier = await exported("random-before.tar", store(before));
      const names = store(after);
      const whole = await exported("random-after.tar", names);
      const part = await exported("random-after.tar", names, [scene.folder.file("random-before.tar")]);
      const { index } = await opened(part);
      fc.pre(index.delta !== undefined);
      await rm(output, { force: true });
      await merge({ from: [earlier], with: part });
      const bytes = await readFile(output);
      const merged = await opened(bytes);
      expect(merged.index).toEqual(index);
      expect(await filesOf(bytes)).toEqual(await filesOf(whole));
      await verifyBundle({ source: new MemorySource(bytes), trust: scene.keys.trust, deep: true, onEvent: () => {} });
    }),
    { numRuns: 10 },
  );
});

async function opened(bytes: Buffer): Promise<OpenBundle> {
  return await openBundle(new MemorySource(bytes), scene.keys.trust);
}

/** Documents and blobs by path; a delta has them in another order. */
async function filesOf(bytes: Buffer): Promise<Map<string, string>> {
  const { layout } = await opened(bytes);
  return new Map(
    layout.entries.map(({ path, position, size }) => [path, bytes.toString("latin1", position, position + size)]),
  );
}

function neverOpened(): Promise<RandomAccessSink> {
  throw new Error("nothing should be written");
}

/** A delta needs at least one blob that it leaves out. */
function forgedDelta(index: MadeDelta["index"]): MadeDelta["index"] {
  const { digest } = layers[0]?.descriptor ?? fix.descriptor;
  const { bases = [] } = index.delta ?? {};
  return { ...index, delta: { bases, leftOut: [{ digest, base: 0, repository: "app" }] } };
}

/** A stick that is pulled once some bytes of it have been read. */
function vanishing(bytes: Buffer, after: number): RandomAccessSource {
  let left = after;
  const source = new MemorySource(bytes);
  return Object.assign(source, {
    read: async (position: number, length: number) => {
      left -= length;
      if (left < 0) throw new SealiftError("MEDIUM_FAILED", "the stick was pulled");
      return await MemorySource.prototype.read.call(source, position, length);
    },
  });
}

/** Counts the bytes that are read. */
function counting(bytes: Buffer): { readonly source: RandomAccessSource; readonly count: () => number } {
  let read = 0;
  const source = new MemorySource(bytes);
  const counted = Object.assign(source, {
    read: async (position: number, length: number) => {
      read += length;
      return await MemorySource.prototype.read.call(source, position, length);
    },
  });
  return { source: counted, count: () => read };
}

/** A medium with room for what comes first, and no more. */
class FullSink implements RandomAccessSink {
  readonly order = "any";
  #left = 100_000;

  async allocate(): Promise<void> {}

  async write(_position: number, bytes: Uint8Array): Promise<void> {
    this.#left -= bytes.length;
    if (this.#left < 0) throw new SealiftError("NO_SPACE", "the medium is full");
  }

  async commit(): Promise<void> {
    throw new Error("it is not whole");
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
