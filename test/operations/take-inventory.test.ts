import { beforeEach, describe, expect, test } from "vitest";
import { SealiftError } from "../../src/errors/index.js";
import { type Descriptor, digestOf, MEDIA_TYPE, type RawManifest } from "../../src/oci/index.js";
import { type InventoryOptions, takeInventory } from "../../src/operations/take-inventory.js";
import type { ImageSource, TagLister } from "../../src/ports/index.js";

let stored: Map<string, RawManifest>;
let requests: number;
let warnings: string[];

beforeEach(() => {
  stored = new Map();
  requests = 0;
  warnings = [];
});

function index(manifests: readonly Descriptor[], padding = 0): Descriptor {
  const mediaType = MEDIA_TYPE.ociIndex;
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }).padEnd(padding));
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  stored.set(descriptor.digest, { descriptor, bytes });
  return descriptor;
}

function missing(name: string, count: number): Descriptor[] {
  return Array.from({ length: count }, (_, at) => {
    return { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf(Buffer.from(`${name}${at}`)), size: 1 };
  });
}

const notFound = () => new SealiftError("NOT_FOUND", "expected it to be there");

/** A source whose tags are these images. */
function sourceOf(images: Readonly<Record<string, Descriptor | undefined>>): ImageSource {
  const source: Partial<ImageSource & TagLister> = {
    async *tags() {
      yield* Object.keys(images);
    },
    resolve: async ({ tag = "" }) => images[tag] ?? Promise.reject(notFound()),
    fetchManifest: async ({ digest }) => {
      requests += 1;
      return stored.get(digest) ?? Promise.reject(notFound());
    },
  };
  return source as ImageSource;
}

async function taken(names: readonly string[], openSource: InventoryOptions["openSource"]) {
  return await takeInventory({
    places: [{ registry: "reg.internal", prefix: "" }],
    openLister: () => ({
      async *repositories() {
        yield* names;
      },
    }),
    openSource,
    concurrency: 4,
    onEvent: (event) => {
      if (event.type === "warning") warnings.push(event.text);
    },
  });
}

describe("hostile: a registry", () => {
  test("whose images are indexes of indexes without an end is left after as many manifests as an index may list", async () => {
    const root = index(["a", "b", "c"].map((name) => index(missing(name, 6000))));
    const { repositories } = await taken(["app"], async () => sourceOf({ "1": root }));
    expect(repositories).toEqual([{ name: "app", blobs: [] }]);
    expect(warnings[0]).toContain("more than 10000 manifests in one image");
    expect(requests).toBeLessThanOrEqual(10_000);
  });

  test("whose indexes are nested deeper than those of any image has the tag left out", async () => {
    let root = index([]);
    for (let depth = 0; depth < 20; depth += 1) root = index([root]);
    await taken(["app"], async () => sourceOf({ "1": root }));
    expect(warnings[0]).toContain("indexes nested deeper than 8 levels");
    expect(requests).toBe(9);
  });

  test("with more manifests in one image than memory should hold has the tag left out", async () => {
    const root = index(Array.from({ length: 10 }, (_, at) => index(missing(`${at}`, 1), 4 * 1024 * 1024 - at)));
    await taken(["app"], async () => sourceOf({ "1": root }));
    expect(warnings[0]).toContain("more than 16 MiB of manifests and configs in one image");
    // The root, four of its children, and what three of these list.
    expect(requests).toBe(8);
  });

  test("with thousands of tags that it has not is told of by one of them", async () => {
    const images = Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`t${at}`, undefined]));
    await taken(["app"], async () => sourceOf(images));
    expect(warnings).toEqual([
      "3000 tags of reg.internal/app are left out, since they cannot be read, such as t0: expected it to be there",
    ]);
  });

  test("with thousands of repositories that it refuses has them counted, and a thousand of them named", async () => {
    const names = Array.from({ length: 3000 }, (_, at) => `r${at}`);
    const { failures, failed } = await taken(["app", ...names], async ({ repository }) => {
      if (repository !== "app") throw new SealiftError("DENIED", "expected to be let in");
      return sourceOf({});
    });
    expect(failed).toBe(3000);
    expect(failures).toHaveLength(1000);
  });
});
