import { open, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { PartialFile } from "../../src/bundle/sinks/partial-file.js";
import { type ExportToFileOptions, exportToFile, inspectFile, verifyFile } from "../../src/composition/index.js";
import { SealiftError } from "../../src/errors/index.js";
import type { Digest } from "../../src/oci/index.js";
import type { OperationEvent } from "../../src/ports/index.js";
import { failureOf } from "../support/errors.js";
import { noiseLayer, type SampleLayer, sampleImage } from "../support/images.js";
import { makeKeys } from "../support/keys.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { BARE_MACHINE } from "../support/surroundings.js";

let scene: Scene;
/** In the order of the tar, which is that of their digests. */
let layers: SampleLayer[];
let events: OperationEvent[];

beforeEach(async () => {
  scene = await Scene.create();
  events = [];
  const noise = await Promise.all(["a", "b", "c"].map((seed) => noiseLayer(1_000_000, seed)));
  layers = noise.toSorted((a, b) => (a.descriptor.digest < b.descriptor.digest ? -1 : 1));
  storeImage(scene.near.storage, "app", "1", sampleImage({ layers }));
});

afterEach(async () => {
  vi.restoreAllMocks();
  await scene[Symbol.asyncDispose]();
});

const onEvent = (event: OperationEvent): void => void events.push(event);
const warnings = (): string[] => events.flatMap((event) => (event.type === "warning" ? [event.text] : []));
const names = (): Promise<string[]> => readdir(scene.folder.path);
const PARTIAL = ["bundle.tar.partial", "bundle.tar.partial.journal"];
const DAY = new Date("2026-01-03T03:04:05Z");

function digestOfLayer(position: number): Digest {
  const layer = layers[position];
  if (layer === undefined) throw new Error("expected another layer");
  return layer.descriptor.digest;
}

/** As {@link Scene.export}, but at the time that it is. */
async function exportNow(images: readonly string[], options: Partial<ExportToFileOptions>) {
  return await exportToFile({
    images: images.map((image) => `${scene.near.host}/${image}`),
    output: scene.bundle,
    signer: scene.keys.signer,
    ...options,
    registry: { surroundings: BARE_MACHINE, ...options.registry },
  });
}

/** An export that is stopped when one layer has come to its half, and all others as a whole. */
async function interrupt(
  images = ["app:1"],
  stalled = 1,
  options: Partial<ExportToFileOptions> = {},
): Promise<SealiftError> {
  const digest = digestOfLayer(stalled);
  scene.near.restage({ stalledBlobs: [digest] });
  const stop = new AbortController();
  let half = layers[stalled]?.descriptor.size ?? 0;
  half >>= 1;
  let left = -1;
  const watch = (event: OperationEvent): void => {
    if (event.type === "total") left = event.blobs - 1;
    if (event.type === "blob-finished") left -= 1;
    if (event.type === "blob-progress" && event.digest === digest) half -= event.bytes;
    if (half <= 0 && left === 0) stop.abort(new SealiftError("INTERRUPTED", "expected to finish", { hint: "wait" }));
  };
  const failure = await failureOf(() => exportNow(images, { ...options, signal: stop.signal, onEvent: watch }));
  scene.near.restage({});
  scene.near.requests.length = 0;
  return failure;
}

/** The same export again, at another time. */
async function again(images = ["app:1"], options: Partial<ExportToFileOptions> = {}) {
  return await exportNow(images, { onEvent, ...options });
}

/** The requests for layers since the last time, with the range that was asked for. */
function layerRequests(): string[] {
  const requests = scene.near.requests.filter(({ method, path }) => method === "GET" && path.includes("/blobs/"));
  return requests.flatMap(({ path, headers, status }) => {
    const position = layers.findIndex(({ descriptor }) => path.endsWith(descriptor.digest));
    return position < 0 ? [] : [`${position} ${headers.range ?? "all"} ${status}`];
  });
}

async function assertWhole(): Promise<void> {
  expect(await names()).toEqual(["bundle.tar"]);
  await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
}

/** Changes bytes of what was left. */
async function overwrite(position: number, bytes: Uint8Array): Promise<void> {
  const file = await open(`${scene.bundle}.partial`, "r+");
  await file.write(bytes, 0, bytes.length, position);
  await file.close();
}

async function notes(): Promise<{ digest: string; position: number; length: number }[]> {
  const lines = (await readFile(`${scene.bundle}.partial.journal`, "utf8")).trim().split("\n").slice(1);
  return lines.map((line) => JSON.parse(line) as { digest: string; position: number; length: number });
}

async function positionOf(layer: number): Promise<number> {
  const note = (await notes()).find(({ digest }) => digest === digestOfLayer(layer));
  if (note === undefined) throw new Error("expected a note");
  return note.position;
}

/** What is asked for where the middle layer was left half. */
const HALF = `1 bytes=${Math.floor(1_001_984 / 2)}- 206`;

describe("an export that was interrupted", () => {
  test("leaves nothing under the final name, keeps what came, and says that the same command goes on", async () => {
    const failure = await interrupt();
    expect(failure).toMatchObject({ code: "INTERRUPTED", exitCode: 130 });
    expect(failure.hint).toBe(
      `what has come is kept in ${JSON.stringify(`${scene.bundle}.partial`)}: run the same command again to go on with it`,
    );
    expect(await names()).toEqual(PARTIAL);
  });

  test("goes on when it is run again: with the half layer where it ended, with the others not at all", async () => {
    await interrupt();
    await again();
    expect(layerRequests()).toEqual([HALF]);
    await assertWhole();
  });

  test("has the index that it signed the first time", async () => {
    const first = Math.floor(Date.now() / 1000);
    await interrupt();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const { identity, indexDigest } = await again();
    expect(identity.serial).toBeLessThanOrEqual(first + 1);
    expect((await inspectFile(scene.bundle, scene.keys.trust)).index.identity).toEqual(identity);
    expect((await inspectFile(scene.bundle, scene.keys.trust)).indexDigest).toBe(indexDigest);
    expect(layerRequests()).toEqual([HALF]);
  });

  test("goes on however often it is interrupted", async () => {
    await interrupt(["app:1"], 1);
    const held = await positionOf(1);
    await interrupt(["app:1"], 1);
    expect(await positionOf(1)).toBe(held);
    await again();
    expect(layerRequests()).toEqual([expect.stringMatching(/^1 bytes=\d+- 206$/)]);
    await assertWhole();
  });

  test("goes on when the registry was away", async () => {
    scene.near.restage({ cutBlobs: [digestOfLayer(1)] });
    const failure = await failureOf(() => again(["app:1"], { concurrency: 1, registry: { retry: { tries: 1 } } }));
    expect(failure).toMatchObject({ code: "UNREACHABLE", exitCode: 4 });
    expect(failure.hint).toContain("run the same command again to go on with it");
    scene.near.restage({});
    scene.near.requests.length = 0;
    await again();
    expect(layerRequests()).toContainEqual(expect.stringMatching(/^1 bytes=\d+- 206$/));
    await assertWhole();
  });

  test("downloads a half layer as a whole from a server without ranges, and keeps the rest", async () => {
    await interrupt();
    scene.near.restage({ ranges: "whole" });
    await again();
    expect(layerRequests()).toEqual([HALF.replace("206", "200")]);
    await assertWhole();
  });

  test("begins anew with a time that someone has set, and downloads nothing twice", async () => {
    await interrupt();
    const { identity } = await scene.export(["app:1"], { created: DAY });
    expect(identity.created).toBe("2026-01-03T03:04:05Z");
    expect(layerRequests()).toEqual([HALF]);
    await assertWhole();
  });

  test("begins anew with another key, and downloads nothing twice", async () => {
    await interrupt();
    const keys = await makeKeys();
    await again(["app:1"], { signer: keys.signer });
    expect(layerRequests()).toEqual([HALF]);
    await verifyFile(scene.bundle, { trust: keys.trust });
  });

  test("of other images takes over what it can, and leaves nothing behind", async () => {
    await interrupt();
    const more = await noiseLayer(1_000_000, "more");
    layers.push(more);
    storeImage(scene.near.storage, "other", "1", sampleImage({ layers: [more] }));
    await again(["app:1", "other:1"]);
    expect(layerRequests().sort()).toEqual([HALF, "3 all 200"]);
    await assertWhole();
  });

  test("twice, of other images each time, takes over from both", async () => {
    await interrupt();
    const more = await noiseLayer(1_000_000, "more");
    layers.push(more);
    storeImage(scene.near.storage, "other", "1", sampleImage({ layers: [more] }));
    await interrupt(["app:1", "other:1"], 3);
    await again(["app:1", "other:1"]);
    expect(layerRequests()).toEqual([expect.stringMatching(/^3 bytes=\d+- 206$/)]);
    await assertWhole();
  });

  test("of these images, then of others, and then of these again, is right each time", async () => {
    const more = await noiseLayer(1_000_000, "more");
    layers.push(more);
    storeImage(scene.near.storage, "other", "1", sampleImage({ layers: [more] }));
    const time = { created: DAY };
    await interrupt(["app:1"], 1, time);
    await interrupt(["app:1", "other:1"], 1, time);
    await again(["app:1"], time);
    await assertWhole();
  });

  test("of other images removes what was left if one is kept at most, says so, and downloads all of it", async () => {
    await interrupt();
    vi.spyOn(PartialFile.prototype, "room").mockResolvedValueOnce(0).mockResolvedValueOnce(1e9);
    await scene.export(["app:1"], { created: DAY, onEvent });
    expect(warnings()).toEqual([expect.stringContaining("one is kept at most")]);
    expect(layerRequests().sort()).toEqual(["0 all 200", "1 all 200", "2 all 200"]);
    await assertWhole();
  });

  test("takes over from the bundle that it replaces, and from what it has left", async () => {
    storeImage(scene.near.storage, "app", "0", sampleImage({ layers: layers.slice(2) }));
    await again(["app:0"]);
    const old = await readFile(scene.bundle);
    await interrupt();
    expect(await readFile(scene.bundle)).toEqual(old);
    await again();
    expect(layerRequests()).toEqual([HALF]);
    await assertWhole();
  });
});

describe("what an interrupted export has left is never trusted:", () => {
  test("a finished layer that is damaged is downloaded again", async () => {
    await interrupt();
    await overwrite((await positionOf(0)) + 5000, Buffer.alloc(4096));
    await again();
    expect(layerRequests().sort()).toEqual(["0 all 200", HALF]);
    await assertWhole();
  });

  test("a half layer that is damaged is downloaded again, and no error", async () => {
    await interrupt();
    await overwrite((await positionOf(1)) + 5000, Buffer.alloc(4096));
    await again();
    expect(layerRequests()).toEqual([HALF, "1 all 200"]);
    await assertWhole();
  });

  test("headers and padding are written anew", async () => {
    await interrupt();
    const position = await positionOf(1);
    await overwrite(position - 512, Buffer.alloc(512, "!"));
    const { size } = layers[0]?.descriptor ?? { size: 0 };
    const end = (await positionOf(0)) + size;
    await overwrite(end, Buffer.alloc(-end & 511, "!"));
    await again();
    await assertWhole();
  });

  test("a signed index that did not reach the medium is signed anew, and the layers are taken over", async () => {
    await interrupt();
    await overwrite(0, Buffer.alloc(8192));
    await again();
    expect(layerRequests()).toEqual([HALF]);
    await assertWhole();
  });

  test("an index that others have signed is not gone on with", async () => {
    await interrupt();
    const { position } = {
      position: Buffer.from(await readFile(`${scene.bundle}.partial`)).indexOf("bundle.json.sig"),
    };
    await overwrite(position + 512 + 20, Buffer.from("x"));
    await again();
    await assertWhole();
  });

  test("a file that was cut off is used as far as it goes", async () => {
    await interrupt();
    await truncate(`${scene.bundle}.partial`, await positionOf(1));
    await again();
    expect(layerRequests().sort()).toEqual(["1 all 200", "2 all 200"]);
    await assertWhole();
  });

  test("a journal of another bundle is ignored, and that is said", async () => {
    await interrupt();
    const journal = await readFile(`${scene.bundle}.partial.journal`, "utf8");
    const other = journal.replace(/"index":"sha256:[0-9a-f]{64}"/, `"index":"sha256:${"0".repeat(64)}"`);
    await writeFile(`${scene.bundle}.partial.journal`, other);
    await again();
    expect(warnings()).toEqual([expect.stringContaining("is of another bundle")]);
    expect(layerRequests().sort()).toEqual(["0 all 200", "1 all 200", "2 all 200"]);
    await assertWhole();
  });

  test.each([
    ["lies about every place", (note: string) => note.replace(/"position":\d+/, '"position":0')],
    ["lies about every length", (note: string) => note.replace(/"length":\d+/, '"length":1000001')],
    ["is rubbish but for its first line", () => "rubbish"],
  ])("a journal that %s costs time only", async (_what, change) => {
    await interrupt();
    const [head = "", ...lines] = (await readFile(`${scene.bundle}.partial.journal`, "utf8")).trim().split("\n");
    await writeFile(`${scene.bundle}.partial.journal`, [head, ...lines.map(change)].join("\n"));
    await again();
    await assertWhole();
  });

  test("a journal that is gone costs all that was downloaded", async () => {
    await interrupt();
    await writeFile(`${scene.bundle}.partial.journal`, "");
    await again();
    expect(layerRequests().sort()).toEqual(["0 all 200", "1 all 200", "2 all 200"]);
    await assertWhole();
  });

  test("a layer whose registry sends the wrong bytes is not kept, and the others are", async () => {
    scene.near.restage({ wrongBlobBytes: [digestOfLayer(1)] });
    const failure = await failureOf(() => again(["app:1"], { concurrency: 1 }));
    expect(failure).toMatchObject({ code: "DIGEST_MISMATCH", exitCode: 3 });
    const kept = new Map((await notes()).map(({ digest, length }) => [digest, length]));
    expect(kept.get(digestOfLayer(1)) ?? 0).toBe(0);
  });
});
