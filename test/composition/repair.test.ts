import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findDamageInFile, makePatchFile, repairFile } from "../../src/composition/index.js";
import { acquireLock } from "../../src/io/index.js";
import { type Digest, digestOf } from "../../src/oci/index.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { failureOf } from "../support/errors.js";
import { noiseLayer, sampleImage, sampleLayer } from "../support/images.js";
import { cutInto, setOf, writeFiles } from "../support/media.js";
import { MemorySource } from "../support/memory-source.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;
let good: Buffer;

beforeAll(async () => {
  scene = await Scene.create();
  const layers = [await sampleLayer({ "etc/motd": "ahoy" }), await noiseLayer(60_000, "noise")];
  storeImage(scene.near.storage, "app", "1", sampleImage({ layers }));
  await scene.export(["app:1"]);
  good = await readFile(scene.bundle);
});

afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

/** What happens to a part. */
type Fate = "none" | "missing" | "cut" | "zeros" | "flip";

const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const cuts = fc.record({
  parts: fc.integer({ min: 1, max: 7 }),
  withVolumes: fc.boolean(),
  fates: fc.array(
    fc.record({ fate: fc.constantFrom<Fate>("none", "missing", "cut", "zeros", "flip"), at: share, length: share }),
    { minLength: 7, maxLength: 7 },
  ),
});

async function damage(folder: string, name: string, { fate, at, length }: { fate: Fate; at: number; length: number }) {
  const path = join(folder, name);
  const bytes = await readFile(path);
  const start = Math.floor(at * bytes.length);
  if (fate === "missing") await rm(path);
  else if (fate === "cut") await writeFile(path, bytes.subarray(0, start));
  else if (fate === "flip") await writeFile(path, bytes.fill((bytes[start] ?? 0) ^ 4, start, start + 1));
  else if (fate === "zeros") {
    await writeFile(path, bytes.fill(0, start, start + 1 + Math.floor(length * (bytes.length - start))));
  }
}

/** Parts of the good bundle, and a volumes file that says this of them; undefined for none. */
async function partsOf(
  partSize: number,
  claim?: { readonly set?: Digest; readonly partSize?: number; readonly size?: number },
): Promise<Record<string, Uint8Array>> {
  const files = await setOf("b.tar", cutInto(good, partSize), false);
  if (claim === undefined) return files;
  const listed = await setOf("b.tar", cutInto(good.subarray(0, claim.size), claim.partSize ?? partSize));
  const volumes = JSON.parse(Buffer.from(listed["b.tar.volumes.json"]!).toString()) as object;
  const set = claim.set ?? (await indexDigest());
  return { ...files, "b.tar.volumes.json": Buffer.from(JSON.stringify({ ...volumes, set })) };
}

async function indexDigest(): Promise<Digest> {
  return (await openBundle(new MemorySource(good), scene.keys.trust)).indexDigest;
}

/** The parts one after the other, as `cat` gives them. */
async function joined(folder: string): Promise<Buffer> {
  const names = (await readdir(folder)).filter((name) => /\.\d{3}$/.test(name)).sort();
  return Buffer.concat(await Promise.all(names.map(async (name) => await readFile(join(folder, name)))));
}

test("parts of any size are healed, whatever became of them, as long as one is left", async () => {
  const { trust } = scene.keys;
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(cuts, async ({ parts: count, withVolumes, fates }) => {
      const folder = scene.folder.file(`parts-${(runs += 1)}`);
      const [request, output] = [scene.folder.file("request.json"), scene.folder.file("patch.tar")];
      await mkdir(folder);
      await writeFiles(folder, await partsOf(Math.ceil(good.length / count), withVolumes ? {} : undefined));
      const names = (await readdir(folder)).filter((name) => /\.\d{3}$/.test(name)).sort();
      let left = names.length;
      for (const [at, name] of names.entries()) {
        const { fate, at: place } = fates[at]!;
        // Without a volumes file, nothing else tells of the bundle than the head of its first part.
        const startsInHeader = place * (good.length / count) < 512;
        const hitsHead = fate === "missing" || fate === "cut" || (fate === "zeros" && startsInHeader);
        if (hitsHead && at === 0 && !withVolumes) continue;
        if (fate === "missing" && left === 1) continue;
        if (fate === "missing") left -= 1;
        await damage(folder, name, fates[at]!);
      }
      for (let round = 0; ; round += 1) {
        expect(round).toBeLessThan(4);
        if ((await findDamageInFile([folder], { trust, request })).kind === "whole") break;
        await makePatchFile([scene.bundle], { trust, request, output });
        await repairFile([folder], { trust, patch: output });
      }
      expect(Buffer.compare(await joined(folder), good)).toBe(0);
    }),
    { numRuns: 25 },
  );
}, 120_000);

test("a bundle that another run writes is not repaired meanwhile", async () => {
  const path = scene.folder.file("locked.tar");
  await writeFile(path, Buffer.from(good).fill(1, good.length - 10));
  const [request, patch] = [scene.folder.file("request.json"), scene.folder.file("patch.tar")];
  const { trust } = scene.keys;
  await findDamageInFile(path, { trust, request });
  await makePatchFile(scene.bundle, { trust, request, output: patch });
  await using _lock = await acquireLock(`${path}.lock`);
  expect((await failureOf(() => repairFile(path, { trust, patch }))).code).toBe("LOCKED");
});

test("a request that is no longer there, or is something else, is said so", async () => {
  const { trust } = scene.keys;
  const output = scene.folder.file("none.tar");
  const request = scene.folder.file("none.json");
  expect((await failureOf(() => makePatchFile(scene.bundle, { trust, request, output }))).code).toBe("FILE_NOT_FOUND");
  expect((await failureOf(() => makePatchFile(scene.bundle, { trust, request: scene.bundle, output }))).code).toBe(
    "CONFIG_INVALID",
  );
});

describe("a volumes file, which nobody signed,", () => {
  const PART = 16 * 1024;

  test.each<[string, () => Parameters<typeof partsOf>[1]]>([
    ["of another set", () => ({ set: digestOf(Buffer.from("another index")) })],
    ["of a smaller bundle", () => ({ size: good.length - 512 })],
    ["of smaller parts", () => ({ partSize: PART - 512 })],
    ["of larger parts", () => ({ partSize: PART + 512 })],
  ])("%s has no good part cut or overwritten", async (_what, claim) => {
    const { trust } = scene.keys;
    const folder = scene.folder.file(`stale-${Math.random()}`);
    const [request, patch] = [`${folder}.json`, `${folder}.patch`];
    const files = await partsOf(PART, undefined);
    await writeFiles(folder, files);
    const third = join(folder, "b.tar.003");
    await writeFile(third, Buffer.from(await readFile(third)).fill(1, 100, 200));
    await findDamageInFile([folder], { trust, request });
    await makePatchFile(scene.bundle, { trust, request, output: patch });
    await writeFiles(folder, { "b.tar.volumes.json": (await partsOf(PART, claim()))["b.tar.volumes.json"]! });
    const before = await joined(folder);
    const failure = await failureOf(() => repairFile([folder], { trust, patch }));
    expect(failure).toMatchObject({
      code: "BUNDLE_INVALID",
      message: expect.stringContaining("volumes.json") as string,
    });
    expect((await failureOf(() => findDamageInFile([folder], { trust, request }))).code).toBe("BUNDLE_INVALID");
    expect(Buffer.compare(await joined(folder), before)).toBe(0);
    await rm(join(folder, "b.tar.volumes.json"));
    expect((await repairFile([folder], { trust, patch })).report.kind).toBe("whole");
  });
});

test("parts that do not add up are not cut", async () => {
  const { trust } = scene.keys;
  const folder = scene.folder.file("uneven");
  const [request, patch] = [`${folder}.json`, `${folder}.patch`];
  const files = await partsOf(16 * 1024);
  await writeFiles(folder, { ...files, "b.tar.002": Buffer.concat([files["b.tar.002"]!, Buffer.alloc(512, 7)]) });
  const last = Object.keys(files).sort().at(-1)!;
  await findDamageInFile([folder], { trust, request });
  await makePatchFile(scene.bundle, { trust, request, output: patch });
  const result = await repairFile([folder], { trust, patch });
  expect(result.report).toMatchObject({ kind: "damaged", surplus: 512 });
  expect((await readFile(join(folder, last))).length).toBe(files[last]!.length);
});

test("a part that is missing is made in a named folder in which there is none", async () => {
  const { trust } = scene.keys;
  const [folder, room] = [scene.folder.file("full"), scene.folder.file("room")];
  const [request, patch] = [`${folder}.json`, `${folder}.patch`];
  await mkdir(room);
  await writeFiles(folder, await partsOf(16 * 1024, {}));
  const second = await readFile(join(folder, "b.tar.002"));
  await rm(join(folder, "b.tar.002"));
  await findDamageInFile([folder, room], { trust, request });
  await makePatchFile(scene.bundle, { trust, request, output: patch });
  expect((await repairFile([folder, room], { trust, patch })).report.kind).toBe("whole");
  expect(await readFile(join(room, "b.tar.002"))).toEqual(second);
  expect(await readdir(folder)).not.toContain("b.tar.002");
});
