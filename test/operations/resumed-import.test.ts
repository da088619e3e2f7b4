import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { importFile } from "../../src/composition/index.js";
import type { OperationEvent } from "../../src/ports/index.js";
import { noiseLayer, type SampleImage, sampleImage } from "../support/images.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;
let image: SampleImage;

beforeEach(async () => {
  scene = await Scene.create();
  const layers = await Promise.all([400_000, 300_000, 200_000, 100_000].map((size) => noiseLayer(size, `${size}`)));
  image = sampleImage({ layers });
  storeImage(scene.near.storage, "app", "1", image);
  await scene.export(["app:1"]);
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

/** The digests of the blobs that were sent to the far registry since the last time. */
function sent(): string[] {
  const puts = scene.far.requests.filter(({ method, path }) => method === "PUT" && path.includes("/blobs/uploads/"));
  scene.far.requests.length = 0;
  return puts.flatMap(({ path, status }) => {
    const digest = new URL(path, "http://registry").searchParams.get("digest");
    return digest === null || status !== 201 ? [] : digest;
  });
}

async function importIt(onEvent: (event: OperationEvent) => void, signal?: AbortSignal): Promise<void> {
  const { trust } = scene.keys;
  await importFile(scene.bundle, {
    trust,
    to: scene.far.host,
    concurrency: 1,
    onEvent,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** An import that is stopped once this many blobs are there. */
async function interrupt(after: number): Promise<void> {
  const stop = new AbortController();
  let left = after;
  const onEvent = ({ type }: OperationEvent): void => {
    if (type === "blob-finished") left -= 1;
    if (left === 0) stop.abort(new Error("stopped"));
  };
  await expect(importIt(onEvent, stop.signal)).rejects.toThrow("stopped");
}

describe("an import that was interrupted", () => {
  test("has tagged nothing, and sends no blob again that the registry has", async () => {
    await interrupt(2);
    const first = sent();
    expect(first).toHaveLength(2);
    expect(scene.far.storage.tags("app")).toEqual([]);

    await importIt(() => undefined);
    const second = sent();
    expect([...first, ...second].sort()).toEqual([...image.blobs.keys()].sort());
    expect(scene.far.storage.tags("app")).toEqual(["1"]);
  });

  test("goes on however often that happens", async () => {
    const all: string[] = [];
    for (const after of [1, 1, 2]) {
      await interrupt(after);
      all.push(...sent());
    }
    await importIt(() => undefined);
    all.push(...sent());
    expect(all.sort()).toEqual([...image.blobs.keys()].sort());
    expect(scene.far.storage.tags("app")).toEqual(["1"]);
  });
});
