import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exportToFile, verifyFile } from "../../src/composition/index.js";
import type { Digest } from "../../src/oci/index.js";
import { type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { noiseLayer, type SampleImage, type SampleLayer, sampleImage } from "../support/images.js";
import { Chance, killOften, spoil, type Work } from "../support/interop/kills.js";
import { SlowLine } from "../support/interop/slow-line.js";
import { makeKeys, type TestKeys } from "../support/keys.js";
import { storeImage } from "../support/store-image.js";
import { BARE_MACHINE } from "../support/surroundings.js";
import { TempFolder } from "../support/temp-folder.js";

// What the issue of this test asks for, of each command.
const KILLS = 50;

// Set it to have the same kills again, as far as the machine takes the same time.
const SEED = Number(process.env["SEALIFT_KILL_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

// With it, an undisturbed export takes about half a second after its start.
const BYTES_PER_SECOND = 2_500_000;

// About as long as the line is busy, if nobody disturbs it.
const TRANSFER_MS = 400;

// As long as the end of a run takes, and a little more.
const LATE_MS = 60;

let near: RegistryServer;
let line: SlowLine;
let keys: TestKeys;
const images = new Map<string, SampleImage>();

beforeAll(async () => {
  console.log(`SEALIFT_KILL_SEED=${SEED}`);
  keys = await makeKeys();
  near = await startRegistry();
  line = await SlowLine.to(near.host, BYTES_PER_SECOND);
  const sizes = { app: [900_000, 700_000, 500_000, 30_000], more: [600_000, 400_000, 30_000] };
  for (const [name, of] of Object.entries(sizes)) {
    const image = sampleImage({ layers: await Promise.all(of.map((size, at) => noiseLayer(size, `${name} ${at}`))) });
    images.set(name, image);
    storeImage(near.storage, name, "1", image);
  }
});

afterAll(async () => {
  await line[Symbol.asyncDispose]();
  await near.close();
});

async function makeFolder(): Promise<TempFolder> {
  const folder = await TempFolder.create();
  await writeFile(folder.file("k.key"), keys.privateKeyPem);
  await writeFile(folder.file("k.pub"), keys.publicKeyPem);
  return folder;
}

/** Checks that a bundle, or its parts, are whole, and that nothing of a run lies beside them. */
async function assertBundle(folder: TempFolder) {
  const left = (await readdir(folder.path)).filter((name) => /\.(?:partial|old|journal|lock)\b/.test(name));
  expect(left).toEqual([]);
  return await verifyFile(await bundleIn(folder), { trust: keys.trust, deep: true });
}

/** Whatever has the final name is whole. */
async function assertNothingHalf(folder: TempFolder): Promise<void> {
  const paths = await bundleIn(folder);
  if (paths.length === 1) await verifyFile(paths, { trust: keys.trust });
}

/** What has the final name: the bundle or its parts. */
async function bundleIn(folder: TempFolder): Promise<string[]> {
  const names = (await readdir(folder.path)).filter((name) => /^b\.tar(?:\.\d+)?$/.test(name));
  return names.map((name) => folder.file(name));
}

function hasRequest(registry: RegistryServer, pattern: RegExp): boolean {
  return registry.requestLines().some((line) => pattern.test(line));
}

/** Checks that a registry has an image, to the byte. */
function assertStored({ storage }: RegistryServer, name: string): void {
  const image = images.get(name);
  expect(storage.manifest(name, "1")).toEqual(image?.root);
  for (const [digest, bytes] of image?.blobs ?? []) {
    expect(storage.hasBlob(name, digest), digest).toBe(true);
    expect(Buffer.compare(storage.blob(digest) ?? Buffer.alloc(0), bytes), digest).toBe(0);
  }
}

test(`an export that is killed ${KILLS} times goes on, and the bundle is right`, async () => {
  const chance = new Chance(SEED);
  const begin = async (): Promise<Work> => {
    const folder = await makeFolder();
    const isCut = chance.percent(30);
    let names: readonly string[] = ["app"];
    return {
      folder: folder.path,
      moments: [
        { share: 20, hasCome: (said) => said.includes("Making the bundle safe"), within: LATE_MS },
        {
          share: 50,
          hasCome: () => existsSync(folder.file(isCut ? "b.tar.001.partial" : "b.tar.partial")),
          within: TRANSFER_MS,
        },
      ],
      // Now and then, other images are asked for than were the last time.
      args: () => {
        if (chance.percent(15)) names = names.length === 1 ? ["app", "more"] : ["app"];
        const references = names.map((name) => `${line.host}/${name}:1`);
        const cut = isCut ? ["--volume-size", "1MB"] : [];
        return ["export", ...references, "-o", "b.tar", "--key", "k.key", ...cut];
      },
      afterKill: async () => {
        if (!isCut) await assertNothingHalf(folder);
        await spoil(folder.path, chance);
      },
      afterEnd: async () => {
        const roots = (await assertBundle(folder)).images.map(({ root }) => root.digest);
        expect(roots).toEqual(names.map((name) => images.get(name)?.root.descriptor.digest));
      },
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  };
  near.requests.length = 0;
  console.log(`export: ${JSON.stringify(await killOften(KILLS, chance, begin))}`);
  // Otherwise each run would have begun at the beginning.
  expect(near.requests.some(({ headers }) => headers.range !== undefined)).toBe(true);
});

test(`an import that is killed ${KILLS} times goes on, and the registry has all of it`, async () => {
  const chance = new Chance(SEED + 1);
  await using source = await makeFolder();
  await exportHere([...images.keys()], source.file("b.tar"));
  const begin = async (): Promise<Work> => {
    const far = await startRegistry();
    const slow = await SlowLine.to(far.host, BYTES_PER_SECOND);
    return {
      folder: source.path,
      args: () => ["import", "b.tar", "--to", slow.host, "--key", "k.pub"],
      moments: [
        { share: 20, hasCome: () => hasRequest(far, /^PUT .*\/manifests\//), within: LATE_MS },
        { share: 50, hasCome: () => hasRequest(far, /^POST /), within: TRANSFER_MS },
      ],
      // What is tagged is whole, at any time.
      afterKill: async () => {
        for (const name of images.keys()) if (far.storage.hasTag(name, "1")) assertStored(far, name);
        far.requests.length = 0;
      },
      afterEnd: async () => {
        for (const name of images.keys()) assertStored(far, name);
      },
      [Symbol.asyncDispose]: async () => {
        await slow[Symbol.asyncDispose]();
        await far.close();
      },
    };
  };
  console.log(`import: ${JSON.stringify(await killOften(KILLS, chance, begin))}`);
});

test(`a merge that is killed ${KILLS} times goes on, and the bundle is right`, async () => {
  const chance = new Chance(SEED + 2);
  await using source = await makeFolder();
  const deltas = await makeDeltas(source);
  const begin = async (): Promise<Work> => {
    const folder = await makeFolder();
    let delta = "delta.tar";
    return {
      folder: folder.path,
      // Most of a run is its start, when there is nothing to lose yet.
      moments: [{ share: 70, hasCome: () => existsSync(folder.file("b.tar.partial")), within: LATE_MS }],
      // Now and then, another delta of the same base is merged to the same place.
      args: () => {
        if (chance.percent(15)) delta = delta === "delta.tar" ? "other.tar" : "delta.tar";
        return ["merge", source.file("base.tar"), source.file(delta), "-o", "b.tar", "--key", "k.pub"];
      },
      afterKill: async () => {
        await assertNothingHalf(folder);
        await spoil(folder.path, chance);
      },
      afterEnd: async () => {
        const result = await assertBundle(folder);
        expect(result.delta?.form).toBe("full");
        expect(result.indexDigest).toBe(deltas.get(delta));
      },
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  };
  console.log(`merge: ${JSON.stringify(await killOften(KILLS, chance, begin))}`);
});

/** Makes a bundle and two deltas of it, and gives the digests of the deltas' indexes by their names. */
async function makeDeltas(folder: TempFolder): Promise<ReadonlyMap<string, Digest>> {
  // Large, since nothing slows the copying down.
  const sizes = [12_000_000, 9_000_000, 6_000_000, 3_000_000, 30_000];
  const layers = await Promise.all(sizes.map((size, at) => noiseLayer(size, `merge ${at}`)));
  const write = async (name: string, of: readonly SampleLayer[], since: readonly string[] = []) => {
    storeImage(near.storage, "merge", "1", sampleImage({ layers: of }));
    const { indexDigest } = await exportHere(["merge"], folder.file(name), since);
    return indexDigest;
  };
  await write("base.tar", layers);
  const since = [folder.file("base.tar")];
  const [fix, other] = [await noiseLayer(2_000_000, "fix"), await noiseLayer(4_000_000, "other")];
  return new Map([
    ["delta.tar", await write("delta.tar", [...layers, fix], since)],
    ["other.tar", await write("other.tar", [...layers.slice(1), other], since)],
  ]);
}

/** Exports at full speed, with nobody to kill it. */
async function exportHere(names: readonly string[], output: string, since: readonly string[] = []) {
  return await exportToFile({
    images: names.map((name) => `${near.host}/${name}:1`),
    output,
    signer: keys.signer,
    registry: { surroundings: BARE_MACHINE },
    since,
  });
}
