import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exportImages, nextIdentity } from "../../src/operations/index.js";
import type { ImageSource, RandomAccessSink } from "../../src/ports/index.js";
import { noiseLayer, sampleImage } from "../support/images.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

// By its address, since the commands run in a folder of their own.
const TSX = import.meta.resolve("tsx");
const CLI = fileURLToPath(new URL("../support/cli-process.ts", import.meta.url));

let scene: Scene;

beforeEach(async () => {
  scene = await Scene.create();
  await writeFile(scene.folder.file("k.key"), scene.keys.privateKeyPem);
  await writeFile(scene.folder.file("k.pub"), scene.keys.publicKeyPem);
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

function sealift(...args: string[]): ChildProcess {
  const argv = ["--import", TSX, CLI, ...args];
  return spawn(process.execPath, argv, { cwd: scene.folder.path, stdio: ["ignore", "ignore", "pipe"] });
}

async function untilItSays(child: ChildProcess, text: string): Promise<void> {
  let said = "";
  for await (const chunk of child.stderr ?? []) {
    said += String(chunk);
    if (said.includes(text)) return;
  }
  throw new Error(`it ended, and said: ${said}`);
}

describe.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s", (signal) => {
  test("ends an export with exit code 130, and leaves nothing", async () => {
    const layer = await noiseLayer(300_000, "stalled");
    storeImage(scene.near.storage, "app", "1", sampleImage({ layers: [layer] }));
    scene.near.restage({ stalledBlobs: [layer.descriptor.digest] });
    const before = await readdir(scene.folder.path);
    const child = sealift("export", `${scene.near.host}/app:1`, "-o", "b.tar", "--key", "k.key");
    await until(async () => (await readdir(scene.folder.path)).includes("b.tar.partial"));
    child.kill(signal);
    expect(await once(child, "close")).toEqual([130, null]);
    expect(await readdir(scene.folder.path)).toEqual(before);
  });
});

test("SIGINT ends a verification in the middle of a layer of many gigabytes", async () => {
  await writeSparseBundle();
  const child = sealift("verify", "sparse.tar", "--key", "k.pub");
  await untilItSays(child, "Signed by the trusted key");
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([130, null]);
});

/** A bundle whose layer is a hole of 1 TiB: it takes no room, and a quarter of an hour to hash. */
async function writeSparseBundle(): Promise<void> {
  const small = await noiseLayer(1000, "small");
  const layer = { ...small, descriptor: { ...small.descriptor, size: 2 ** 40 } };
  const image = sampleImage({ layers: [layer] });
  const source: ImageSource = {
    resolve: async () => image.root.descriptor,
    fetchManifest: async () => image.root,
    fetchBlob: async ({ digest }, take) => {
      const bytes = image.blobs.get(digest);
      if (digest !== layer.descriptor.digest && bytes !== undefined) await take(bytes, 0);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
  const file = await open(scene.folder.file("sparse.tar"), "w");
  const sink: RandomAccessSink = {
    allocate: (size) => file.truncate(size),
    write: async (position, bytes) => {
      await file.write(bytes, 0, bytes.length, position);
    },
    commit: async () => undefined,
    [Symbol.asyncDispose]: () => file.close(),
  };
  await exportImages({
    images: ["app:1"],
    platforms: "all",
    referrers: true,
    concurrency: 1,
    identity: nextIdentity("sparse", new Date(), undefined),
    signer: Promise.resolve(scene.keys.signer),
    openSource: async () => source,
    openSink: async () => sink,
    onEvent: () => undefined,
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
