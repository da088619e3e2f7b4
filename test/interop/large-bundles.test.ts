import { createHash } from "node:crypto";
import { open, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDigest } from "../../src/oci/index.js";
import { noiseLayer, sampleImage } from "../support/images.js";
import { textOf } from "../support/interop/process.js";
import { Sealift } from "../support/interop/sealift.js";
import { makeKeys } from "../support/keys.js";
import type { PlanFigures } from "../support/many-images-process.js";
import { exportSparse } from "../support/sparse-export.js";
import { TempFolder } from "../support/temp-folder.js";

const MANY_IMAGES = fileURLToPath(new URL("../support/many-images-process.ts", import.meta.url));
const MB = 1e6;
const GIB = 2 ** 30;

let folder: TempFolder;
let sealift: Sealift;

beforeAll(async () => {
  folder = await TempFolder.create();
  sealift = await Sealift.in(folder.file("home"));
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

describe("10,000 images of 100,000 blobs", () => {
  test("are planned with less than 500 MB, and are whole", async () => {
    const bundle = folder.file("many.tar");
    const key = folder.file("many.pub");
    const program = await bundled(MANY_IMAGES);

    const printed = await textOf(process.execPath, [program, "10000", "8", bundle, key]);

    const { blobs, peakBytes } = JSON.parse(printed) as PlanFigures;

    expect(blobs).toBe(100_000);
    expect(peakBytes / MB).toBeLessThan(500);
    expect(await sealift.must("verify", bundle, "--key", key)).toContain("the digests of all its 100003 entries");
  });
});

describe("a layer of more than 8 GiB", () => {
  const size = 8 * GIB + 12_345;

  // Its size no longer fits into the octal digits of a tar header.
  test("is exported, verified, and listed by GNU tar", async () => {
    const keys = await makeKeys();
    const bundle = folder.file("sparse.tar");
    await writeFile(folder.file("sparse.pub"), keys.publicKeyPem);
    await writeSparseBundle(bundle, size, keys);

    const listed = await textOf("tar", ["--list", "--verbose", "--file", bundle]);

    expect(listed.split("\n").some((line) => line.includes(` ${size} `))).toBe(true);
    expect(await sealift.must("verify", bundle, "--key", folder.file("sparse.pub"))).toContain("is whole");
  });
});

/** The program as plain JavaScript: what loads TypeScript takes memory of its own. */
async function bundled(program: string): Promise<string> {
  const outfile = folder.file("program.mjs");
  const requireOfBundle = `import{createRequire as of}from"node:module";const require=of(import.meta.url);`;
  await build({
    entryPoints: [program],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    banner: { js: requireOfBundle },
    logLevel: "error",
  });
  return outfile;
}

/** A bundle with a layer of zeros, which takes no room. */
async function writeSparseBundle(
  path: string,
  size: number,
  keys: Awaited<ReturnType<typeof makeKeys>>,
): Promise<void> {
  const zeros = Buffer.alloc(4 * 2 ** 20);
  const chunks = function* () {
    for (let position = 0; position < size; position += zeros.length)
      yield [zeros.subarray(0, Math.min(zeros.length, size - position)), position] as const;
  };
  const hash = createHash("sha256");
  for (const [chunk] of chunks()) hash.update(chunk);
  const small = await noiseLayer(1000, "small");
  const digest = parseDigest(`sha256:${hash.digest("hex")}`);
  const layer = { ...small, descriptor: { ...small.descriptor, digest, size } };
  const image = sampleImage({ layers: [layer] });
  await using file = await open(path, "w");
  await exportSparse({
    image: image.root,
    fetchBlob: async (descriptor, take) => {
      const bytes = image.blobs.get(descriptor.digest);
      if (descriptor.digest !== digest && bytes !== undefined) await take(bytes, 0);
      else for (const [chunk, position] of chunks()) await take(chunk, position);
    },
    signer: keys.signer,
    file,
    write: async (position, bytes) => {
      if (!zeros.subarray(0, bytes.length).equals(bytes)) await file.write(bytes, 0, bytes.length, position);
    },
  });
}
