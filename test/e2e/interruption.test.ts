import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { open, readdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CHUNK_SUM_SIZE, ChunkSummer, chunkSumsSize, loadXxh64 } from "../../src/bundle/format/index.js";
import type { ImageSource } from "../../src/ports/index.js";
import { startSealift, untilItSays } from "../support/cli-child.js";
import { noiseLayer, sampleImage } from "../support/images.js";
import { Scene } from "../support/scene.js";
import { exportSparse } from "../support/sparse-export.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;

beforeEach(async () => {
  scene = await Scene.create();
  await writeFile(scene.folder.file("k.key"), scene.keys.privateKeyPem);
  await writeFile(scene.folder.file("k.pub"), scene.keys.publicKeyPem);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await scene[Symbol.asyncDispose]();
});

function sealift(...args: string[]): ChildProcess {
  return startSealift(scene.folder.path, args, ["ignore", "ignore", "pipe"]);
}

describe.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s", (signal) => {
  test("ends an export with exit code 130, and keeps what came for the next one", async () => {
    const layer = await noiseLayer(300_000, "stalled");
    storeImage(scene.near.storage, "app", "1", sampleImage({ layers: [layer] }));
    scene.near.restage({ stalledBlobs: [layer.descriptor.digest] });
    const before = await readdir(scene.folder.path);
    const child = exportApp();
    await until(async () => await holds("b.tar.partial", layer.bytes.subarray(140_000, 150_000)));
    child.kill(signal);
    const said = await textOf(child);
    expect(child.exitCode).toBe(130);
    expect(said).toContain('what has come is kept in "b.tar.partial": run the same command again to go on with it');
    expect(await readdir(scene.folder.path)).toEqual([...before, "b.tar.partial", "b.tar.partial.journal"].sort());

    scene.near.restage({});
    scene.near.requests.length = 0;
    const again = exportApp();
    expect(await once(again, "close")).toEqual([0, null]);
    const ranges = scene.near.requests.flatMap(({ headers }) => headers.range ?? []);
    expect(ranges).toEqual([expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
    expect(await readdir(scene.folder.path)).toEqual([...before, "b.tar"].sort());
  });

  test("ends an export of which nothing has come, and leaves nothing", async () => {
    storeImage(scene.near.storage, "app", "1", sampleImage({ layers: [] }));
    scene.near.restage({ silent: true });
    const before = await readdir(scene.folder.path);
    const child = exportApp();
    await untilItSays(child, "Reading the manifests");
    child.kill(signal);
    expect(await once(child, "close")).toEqual([130, null]);
    expect(await readdir(scene.folder.path)).toEqual(before);
  });
});

function exportApp(): ChildProcess {
  return sealift("export", `${scene.near.host}/app:1`, "-o", "b.tar", "--key", "k.key");
}

async function textOf(child: ChildProcess): Promise<string> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await once(child, "close");
  return said;
}

/** Whether some bytes are in a file, which need not be there. */
async function holds(name: string, bytes: Uint8Array): Promise<boolean> {
  const file = await readFile(scene.folder.file(name)).catch(() => Buffer.alloc(0));
  return file.includes(Buffer.from(bytes));
}

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
  const fetchBlob: ImageSource["fetchBlob"] = async ({ digest }, take) => {
    const bytes = image.blobs.get(digest);
    if (digest !== layer.descriptor.digest && bytes !== undefined) await take(bytes, 0);
  };
  await using file = await open(scene.folder.file("sparse.tar"), "w");
  vi.spyOn(ChunkSummer, "create").mockImplementation(sumsOfHoles);
  await exportSparse({
    image: image.root,
    fetchBlob,
    signer: scene.keys.signer,
    file,
    write: async (position, bytes) => {
      await file.write(bytes, 0, bytes.length, position);
    },
  });
}

/** Sums that nobody can make in time, with the sum of them that a reader checks. */
async function sumsOfHoles(entries: Parameters<typeof ChunkSummer.create>[0]): Promise<ChunkSummer> {
  const file = Buffer.alloc(chunkSumsSize(entries));
  const hash = (await loadXxh64())();
  file.writeBigUInt64BE(hash.update(file.subarray(0, -CHUNK_SUM_SIZE)).digest(), file.length - CHUNK_SUM_SIZE);
  return { update: () => undefined, finish: () => file } as unknown as ChunkSummer;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
