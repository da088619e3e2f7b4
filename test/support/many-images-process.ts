/**
 * Exports many images, from no registry, to the file that is named, and prints
 * what it took to plan them:
 *
 *     many-images-process.ts IMAGES LAYERS BUNDLE PUBLIC-KEY
 */
import { open, writeFile } from "node:fs/promises";
import { exportImages, nextIdentity } from "../../src/operations/index.js";
import { makeKeys } from "./keys.js";
import { ManyImages } from "./many-images.js";

/** What it took until the place of every byte was known. */
export interface PlanFigures {
  readonly blobs: number;
  readonly seconds: number;
  /** The most memory that the process held until then, in bytes. */
  readonly peakBytes: number;
}

const [images, layers, path = "", publicKey = ""] = process.argv.slice(2);
const many = new ManyImages(Number(images), Number(layers));
const keys = await makeKeys();
await writeFile(publicKey, keys.publicKeyPem);
await using file = await open(path, "w");
let figures: PlanFigures | undefined;
const start = performance.now();
await exportImages({
  images: many.names,
  platforms: "all",
  referrers: true,
  concurrency: 4,
  identity: nextIdentity("many", new Date(), undefined),
  signer: Promise.resolve(keys.signer),
  openSource: many.openSource,
  openSink: async () => ({
    order: "any",
    allocate: async (size) => {
      const seconds = (performance.now() - start) / 1000;
      figures = { blobs: many.blobs, seconds, peakBytes: process.resourceUsage().maxRSS * 1024 };
      await file.truncate(size);
    },
    write: async (position, bytes) => {
      await file.write(bytes, 0, bytes.length, position);
    },
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  }),
  onEvent: () => undefined,
});
console.log(JSON.stringify(figures));
