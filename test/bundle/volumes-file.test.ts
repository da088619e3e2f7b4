import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  EDGE_SIZE,
  edgesOf,
  encodeSums,
  encodeVolumesFile,
  MAX_PARTS,
  parsePartName,
  parseVolumesFile,
  partName,
  type VolumesFile,
} from "../../src/bundle/volumes-file.js";
import { digestOf } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";

const SUM = "ab".repeat(32);

function volumesOf(size: number, partSize: number, name = "bundle.tar"): VolumesFile {
  const parts = Array.from({ length: Math.ceil(size / partSize) }, (_, at) => ({
    name: partName(name, at + 1),
    size: Math.min(partSize, size - at * partSize),
    sha256: SUM,
    edges: SUM,
  }));
  return { formatVersion: 1, set: digestOf(Buffer.from("index")), size, partSize, parts };
}

const parse = (value: unknown): VolumesFile => parseVolumesFile(Buffer.from(JSON.stringify(value)), "the file");

describe("a volumes file", () => {
  test("is read as it was written, whatever the cut", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e6 }), (size, partSize) => {
        fc.pre(Math.ceil(size / partSize) <= MAX_PARTS);
        const volumes = volumesOf(size, partSize);
        expect(parseVolumesFile(encodeVolumesFile(volumes), "the file")).toEqual(volumes);
      }),
    );
  });

  test("of nonsense is refused, never worse", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect((await failureOf(() => parseVolumesFile(bytes, "the file"))).code).toBe("BUNDLE_INVALID");
      }),
    );
  });

  const good = volumesOf(25, 10);
  const [first, second, third] = good.parts;
  test.each<[string, object]>([
    ["that lists no parts", { ...good, size: 0, parts: [] }],
    ["with more parts than there can be", volumesOf(MAX_PARTS + 1, 1)],
    ["of a later version", { ...good, formatVersion: 2 }],
    ["with a member of its own", { ...good, sealift: true }],
    ["whose part climbs out of its folder", volumesOf(25, 10, "../bundle.tar")],
    ["whose part is in another folder", volumesOf(25, 10, "a/bundle.tar")],
    ["whose part has a NUL in its name", volumesOf(25, 10, "a\0b")],
    ["whose parts are in another order", { ...good, parts: [second, first, third] }],
    ["that names a part twice", { ...good, parts: [first, first, third] }],
    ["whose parts are of two bundles", { ...good, parts: [first, { ...second, name: "other.tar.002" }, third] }],
    ["that lacks a part", { ...good, parts: [first, third] }],
    ["whose last part is larger than it says", { ...good, parts: [first, second, { ...third, size: 6 }] }],
    ["whose middle part is smaller", { ...good, size: 24, parts: [first, { ...second, size: 9 }, third] }],
    ["whose size is not that of its parts", { ...good, size: 35 }],
    ["with a negative size", { ...good, partSize: -10 }],
    ["with a size that is no whole number", { ...good, size: 25.5 }],
    ["whose sum is none", { ...good, parts: [{ ...first, sha256: "AB".repeat(32) }, second, third] }],
    ["without edges", { ...good, parts: [{ ...first, edges: undefined }, second, third] }],
    ["for a set that has no digest", { ...good, set: "sha256:1" }],
  ])("%s is refused", async (_name, value) => {
    expect((await failureOf(() => parse(value))).code).toBe("BUNDLE_INVALID");
  });
});

test("names of parts are sorted as the parts are", () => {
  const names = Array.from({ length: MAX_PARTS }, (_, at) => partName("b", at + 1));
  expect(names.toSorted()).toEqual(names);
  expect(names.map((name) => parsePartName(name)?.number)).toEqual(names.map((_, at) => at + 1));
});

test.each(["bundle.tar", "bundle.tar.1", "bundle.tar.01", "bundle.tar.000", "bundle.tar.0001", ".001", "bundle.001.x"])(
  "%s is no name of a part",
  (name) => {
    expect(parsePartName(name)).toBeUndefined();
  },
);

describe("the sums", () => {
  test("are in the form that sha256sum reads, the volumes file among them", () => {
    const volumes = volumesOf(15, 10);
    const own = createHash("sha256").update("volumes").digest("hex");
    expect(Buffer.from(encodeSums("bundle.tar", volumes, Buffer.from("volumes"))).toString()).toBe(
      `${SUM}  bundle.tar.001\n${SUM}  bundle.tar.002\n${own}  bundle.tar.volumes.json\n`,
    );
  });

  test("of a name with a line break have one line each", () => {
    const volumes = volumesOf(5, 10, "a\nb\\c\rd");
    const text = Buffer.from(encodeSums("a\nb\\c\rd", volumes, Buffer.from(""))).toString();
    expect(text.split("\n")[0]).toBe(`\\${SUM}  a\\nb\\\\c\\rd.001`);
  });
});

describe("the edges of a part", () => {
  const edges = (bytes: Buffer) =>
    edgesOf(bytes.length, async (position, length) => bytes.subarray(position, position + length));

  test("are its first and its last bytes", async () => {
    const bytes = Buffer.concat([Buffer.alloc(EDGE_SIZE, 1), Buffer.alloc(50_000, 2), Buffer.alloc(EDGE_SIZE, 3)]);
    const both = Buffer.concat([Buffer.alloc(EDGE_SIZE, 1), Buffer.alloc(EDGE_SIZE, 3)]);
    expect(await edges(bytes)).toBe(createHash("sha256").update(both).digest("hex"));
  });

  test.each([0, 1, EDGE_SIZE - 1, EDGE_SIZE, EDGE_SIZE + 1, 2 * EDGE_SIZE])("of %i bytes may overlap", async (size) => {
    const bytes = Buffer.from(Array.from({ length: size }, (_, at) => at % 251));
    const both = Buffer.concat([bytes.subarray(0, EDGE_SIZE), bytes.subarray(-Math.min(EDGE_SIZE, size) || size)]);
    expect(await edges(bytes)).toBe(createHash("sha256").update(both).digest("hex"));
  });
});
