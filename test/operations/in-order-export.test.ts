import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { verifyFile } from "../../src/composition/index.js";
import { exportImages, nextIdentity } from "../../src/operations/index.js";
import type { EventListener, OperationEvent, RandomAccessSink } from "../../src/ports/index.js";
import { RegistryClient } from "../../src/registry/index.js";
import { noiseLayer, sampleImage } from "../support/images.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { BARE_MACHINE } from "../support/surroundings.js";

let scene: Scene;
let client: RegistryClient;
let digests: string[];

beforeEach(async () => {
  scene = await Scene.create();
  client = new RegistryClient({ surroundings: BARE_MACHINE, retry: { sleep: async () => undefined, tries: 2 } });
  const sizes = [300_000, 600_000, 500_000, 400_000];
  const layers = await Promise.all(sizes.map((size, at) => noiseLayer(size, `layer ${at}`)));
  digests = layers.map(({ descriptor }) => descriptor.digest).sort();
  storeImage(scene.near.storage, "app", "1", sampleImage({ layers }));
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await scene[Symbol.asyncDispose]();
});

/** A sink that takes bytes as a pipe does. */
class Pipe implements RandomAccessSink {
  readonly order = "in-order";
  readonly #chunks: Buffer[] = [];
  #end = 0;

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  async allocate(): Promise<void> {}

  async write(position: number, bytes: Uint8Array): Promise<void> {
    if (position !== this.#end) throw new Error(`expected byte ${this.#end}, got byte ${position}`);
    this.#chunks.push(Buffer.from(bytes));
    this.#end += bytes.length;
  }

  async commit(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

async function exportTo(sink: RandomAccessSink, onEvent: EventListener = () => undefined) {
  return await exportImages({
    images: [`${scene.near.host}/app:1`],
    platforms: "all",
    referrers: false,
    concurrency: 4,
    identity: nextIdentity("pipe", new Date(), undefined),
    signer: Promise.resolve(scene.keys.signer),
    openSource: (reference) => client.source(reference),
    openSink: async () => sink,
    onEvent,
  });
}

function layerRequests(): string[] {
  return scene.near.requests.flatMap(({ path, headers }) => {
    const position = digests.findIndex((digest) => path.endsWith(digest));
    return position < 0 ? [] : [`${position} ${headers.range === undefined ? "all" : "rest"}`];
  });
}

describe("an export into a sink that takes bytes in order only", () => {
  test("downloads the layers in the order of the tar, and leaves no gap", async () => {
    const pipe = new Pipe();
    const { size } = await exportTo(pipe);
    expect(layerRequests()).toEqual(["0 all", "1 all", "2 all", "3 all"]);
    expect(pipe.bytes).toHaveLength(size);
    await writeFile(scene.bundle, pipe.bytes);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test("writes the very layers that an export in any order writes", async () => {
    const pipe = new Pipe();
    const any = Buffer.alloc(4_000_000);
    const sink: RandomAccessSink = {
      order: "any",
      allocate: async () => undefined,
      write: async (position, bytes) => {
        any.set(bytes, position);
      },
      commit: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    };
    const { size } = await exportTo(pipe);
    await exportTo(sink);
    // What comes first is signed, and so differs each time.
    const layers = 1_800_000;
    expect(any.subarray(size - layers, size).equals(pipe.bytes.subarray(-layers))).toBe(true);
  });

  test.each([
    ["that can resume", {}],
    ["that sends all of it again", { ranges: "whole" }],
  ] as const)("goes on where a download broke, with a server %s", async (_what, quirks) => {
    scene.near.restage({ ...quirks, stallsAfter: { bytes: 200_000, times: 1 } });
    const pipe = new Pipe();
    let came = 0;
    const onEvent = (event: OperationEvent): void => {
      if (event.type === "blob-progress") came += event.bytes;
      if (came === 200_000) scene.near.cutConnections();
    };
    await exportTo(pipe, onEvent);
    expect(layerRequests()).toEqual(["0 all", "0 rest", "1 all", "2 all", "3 all"]);
    await writeFile(scene.bundle, pipe.bytes);
    await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  });

  test("fails, and writes nothing twice, if what came is wrong in the end", async () => {
    scene.near.restage({ stallsAfter: { bytes: 200_000, times: 1 }, ranges: "changed" });
    const pipe = new Pipe();
    let came = 0;
    const failure = exportTo(pipe, (event) => {
      if (event.type === "blob-progress") came += event.bytes;
      if (came === 200_000) scene.near.cutConnections();
    });
    await expect(failure).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });
});
