import { readFile, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DamageRequest } from "../../src/bundle/format/index.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { failureOf } from "../support/errors.js";
import { sampleImage, sampleLayer } from "../support/images.js";
import { MemorySource } from "../support/memory-source.js";
import { storeImage } from "../support/store-image.js";
import { DamagedCopy, DamageStage } from "./damage-stage.js";
import { reassemble } from "./reassemble.js";

let stage: DamageStage;

beforeAll(async () => {
  stage = await DamageStage.create();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Something that goes wrong on the way. Positions and lengths are parts of the whole. */
type Mishap =
  | { readonly kind: "flip"; readonly at: number }
  | { readonly kind: "zeros" | "noise" | "missing"; readonly at: number; readonly length: number }
  | { readonly kind: "cut" | "longer"; readonly at: number };

const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const mishap: fc.Arbitrary<Mishap> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("flip" as const), at: share }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("zeros" as const, "noise" as const, "missing" as const),
      at: share,
      length: share.map((part) => part ** 4),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("cut" as const, "longer" as const), at: share }) },
);

function damaged(good: Buffer, mishaps: readonly Mishap[], from: number): DamagedCopy {
  let bytes = Buffer.from(good);
  const missing: [number, number][] = [];
  for (const what of mishaps) {
    const at = from + Math.floor(what.at * (good.length - from));
    if (what.kind === "cut") bytes = bytes.subarray(0, Math.min(bytes.length, at));
    else if (what.kind === "longer") bytes = Buffer.concat([bytes, Buffer.alloc(Math.ceil(what.at * 5000), 7)]);
    else if (what.kind === "flip" && at < bytes.length) bytes.writeUInt8((bytes[at] ?? 0) ^ 0x10, at);
    else if ("length" in what) {
      const end = Math.min(bytes.length, at + 1 + Math.floor(what.length * good.length));
      if (at >= end) continue;
      bytes.fill(what.kind === "noise" ? "noise" : 0, at, end);
      if (what.kind === "missing") missing.push([at, end]);
    }
  }
  return new DamagedCopy(bytes, missing);
}

/** Finds, patches and repairs until nothing is wrong any more; fails after `rounds`. */
async function healed(copy: DamagedCopy, rounds: number): Promise<Buffer> {
  let current = copy;
  for (let round = 0; round <= rounds; round += 1) {
    const report = await stage.find(current);
    if (report.kind === "whole") return current.bytes;
    if (report.request === undefined) return current.bytes.subarray(0, stage.good.length);
    await stage.repair(current, await stage.patch(report.request));
    current = current.reopened();
  }
  throw new Error(`not whole after ${rounds} rounds`);
}

/** Whether enough is left to know which bundle it is a copy of, once its head is lost. */
function isRecognizable({ bytes }: DamagedCopy): boolean {
  const files = [stage.layout.chunkSums, ...stage.layout.entries.slice(3)];
  return files.some(({ headerPosition, position }) =>
    bytes.subarray(headerPosition, position).equals(stage.good.subarray(headerPosition, position)),
  );
}

describe("a copy that was damaged in any way", () => {
  test("is healed byte for byte in two rounds, one if its head and its sums are whole", async () => {
    const headEnd = stage.layout.signature.position + stage.layout.signature.size;
    const sumsStart = stage.layout.chunkSums.position;
    await fc.assert(
      fc.asyncProperty(fc.array(mishap, { minLength: 1, maxLength: 4 }), async (mishaps) => {
        const copy = damaged(stage.good, mishaps, headEnd);
        const sumsAreWhole =
          Buffer.compare(copy.bytes.subarray(sumsStart, stage.good.length), stage.good.subarray(sumsStart)) === 0;
        expect(Buffer.compare(await healed(copy, sumsAreWhole ? 1 : 2), stage.good)).toBe(0);
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  test("is healed byte for byte in three rounds if its head is damaged", async () => {
    const head = stage.layout.sigstoreBundle.position;
    await fc.assert(
      fc.asyncProperty(
        share,
        fc.integer({ min: 1, max: 600 }),
        fc.array(mishap, { maxLength: 2 }),
        async (at, length, more) => {
          const copy = damaged(stage.good, more, head);
          const start = Math.floor(at * head);
          copy.bytes.fill(0x55, start, Math.min(start + length, head));
          fc.pre(isRecognizable(copy));
          expect(Buffer.compare(await healed(copy, 3), stage.good)).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  }, 120_000);
});

test("a delta that is damaged anywhere between its files is healed, also where its form shows", async () => {
  const base = stage.scene.folder.file("base.tar");
  const output = stage.scene.folder.file("delta.tar");
  await writeFile(base, stage.good);
  const layers = [await sampleLayer({ "etc/motd": "ahoy" }), await sampleLayer({ new: "layer" })];
  storeImage(stage.scene.near.storage, "small", "2", sampleImage({ layers }));
  await stage.scene.export(["small:2", "large:1"], { output, since: [base] });
  const good = await readFile(output);
  const { layout, form } = await openBundle(new MemorySource(good), stage.trust);
  expect(form).toBe("delta");
  const ends = [...layout.entries, layout.chunkSums].flatMap(({ headerPosition, position, size }) => [
    [headerPosition, headerPosition + 20],
    [position, position + size],
  ]);
  for (const [start, end] of ends) {
    const copy = new DamagedCopy(Buffer.from(good).fill(0x55, start, end));
    const report = await stage.find(copy);
    if (report.kind !== "damaged" || report.request === undefined) throw new Error("nothing is damaged");
    await stage.repair(copy, await stage.patch(report.request, good));
    expect(Buffer.compare(copy.bytes, good)).toBe(0);
  }
});

test("a whole copy needs nothing", async () => {
  expect(await stage.find(new DamagedCopy(stage.copy()))).toMatchObject({
    kind: "whole",
    result: { entries: stage.layout.entries.length },
  });
});

test("of one flipped bit in a large layer, one chunk is asked for", async () => {
  const copy = stage.copy();
  const layer = stage.layout.entries.find(({ size }) => size > 8_000_000)!;
  const at = layer.position + 5_000_000;
  copy.writeUInt8((copy[at] ?? 0) ^ 1, at);
  const report = await stage.find(new DamagedCopy(copy));
  const chunk = { position: layer.position + 4 * 2 ** 20, length: 4 * 2 ** 20 };
  expect(report).toMatchObject({
    kind: "damaged",
    damage: [{ ...chunk, fault: "content", path: layer.path, images: [expect.stringMatching(/large:1$/)] }],
    request: { kind: "ranges", ranges: [chunk] } satisfies Partial<DamageRequest>,
  });
});

test("a run that was stopped half way is gone on with", async () => {
  const { position } = stage.layout.entries.find(({ size }) => size > 8_000_000)!;
  const copy = stage.copy().fill(0x55, position, position + 6_000_000);
  const target = new DamagedCopy(copy);
  const { request } = (await stage.find(target)) as { request: DamageRequest };
  const patch = await stage.patch(request);
  const { write } = target.target;
  let writes = 0;
  target.target.write = async (at, bytes) => {
    writes += 1;
    if (writes === 20) throw new Error("the power went");
    await write(at, bytes);
  };
  await expect(stage.repair(target, patch)).rejects.toThrow("the power went");
  const again = target.reopened();
  await stage.repair(again, patch);
  expect(Buffer.compare(again.bytes, stage.good)).toBe(0);
});

test("only what differs is written", async () => {
  const { position } = stage.layout.entries.find(({ size }) => size > 8_000_000)!;
  const target = new DamagedCopy(stage.copy().fill(0x55, position + 200_000, position + 200_010));
  const { request } = (await stage.find(target)) as { request: DamageRequest };
  expect(await stage.repair(target, await stage.patch(request))).toBeLessThan(200_000);
});

test("a signed entry of no bytes with another digest is no damage, but a lie", async () => {
  const { index } = await openBundle(new MemorySource(stage.good), stage.trust);
  const entries = index.entries.map((entry, at) => (at === 0 ? { ...entry, size: 0 } : entry));
  const lying = await reassemble({ bytes: stage.good, layout: stage.layout }, { ...index, entries }, stage.scene.keys);
  expect((await failureOf(() => stage.find(new MemorySource(lying)))).code).toBe("DIGEST_MISMATCH");
});
