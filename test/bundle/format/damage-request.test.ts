import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ByteRange,
  encodePatchIndex,
  encodeRequest,
  HEAD_REQUEST,
  MAX_PATCH_INDEX_SIZE,
  MAX_RANGES,
  MAX_REQUEST_SIZE,
  mergeRanges,
  parsePatchIndex,
  parseRequest,
  planPatch,
  rangesRequest,
} from "../../../src/bundle/format/index.js";
import { digestOf } from "../../../src/oci/index.js";
import { failureOf } from "../../support/errors.js";

const INDEX = digestOf(Buffer.from("an index"));
const SHA = "0".repeat(64);
const SIZE = 2 ** 40;

const ranges = fc
  .array(fc.record({ position: fc.nat(SIZE - 2 ** 32), length: fc.integer({ min: 1, max: 2 ** 31 }) }), {
    minLength: 1,
  })
  .map((list) => mergeRanges(list));

/** As many as there may be, with numbers as long as they can be. */
const MOST: ByteRange[] = Array.from({ length: MAX_RANGES }, (_, at) => ({
  position: 2 ** 52 + at * 2 ** 40,
  length: 2 ** 39,
}));

describe("a request", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(ranges, (list) => {
        const request = rangesRequest(INDEX, SIZE, list);
        expect(parseRequest(encodeRequest(request), "it")).toEqual(request);
      }),
    );
    expect(parseRequest(encodeRequest(HEAD_REQUEST), "it")).toEqual(HEAD_REQUEST);
  });

  test("of as many ranges as there may be is not too large", () => {
    const bytes = encodeRequest(rangesRequest(INDEX, Number.MAX_SAFE_INTEGER, MOST));
    expect(bytes.length).toBeLessThan(MAX_REQUEST_SIZE);
    expect(parseRequest(bytes, "it")).toMatchObject({ ranges: MOST });
  });
});

describe("a patch's index", () => {
  test("is read as it was written, and is as long whatever the sums are", () => {
    fc.assert(
      fc.property(ranges, fc.uint8Array(), (list, seed) => {
        const sha256 = digestOf(seed).slice("sha256:".length);
        const patch = { index: INDEX, size: SIZE, ranges: list.map((range) => ({ ...range, sha256 })) };
        const bytes = encodePatchIndex(patch);
        expect(parsePatchIndex(bytes)).toEqual({ formatVersion: 1, ...patch });
        const zeros = list.map((range) => ({ ...range, sha256: SHA }));
        expect(encodePatchIndex({ ...patch, ranges: zeros })).toHaveLength(bytes.length);
      }),
    );
  });

  test("of as many ranges as there may be is not too large", () => {
    const most = MOST.map((range) => ({ ...range, sha256: SHA }));
    const bytes = encodePatchIndex({ index: INDEX, size: Number.MAX_SAFE_INTEGER, ranges: most });
    expect(bytes.length).toBeLessThan(MAX_PATCH_INDEX_SIZE);
    expect(parsePatchIndex(bytes).ranges).toEqual(most);
  });

  test("places each range in a file of its own", () => {
    const layout = planPatch(100, [
      { position: 7, length: 513 },
      { position: 9000, length: 1 },
    ]);
    expect(layout.ranges.map(({ path, headerPosition, size }) => [path, headerPosition, size])).toEqual([
      ["sealift/ranges/7", 1024, 513],
      ["sealift/ranges/9000", 2560, 1],
    ]);
    expect(layout.size).toBe(2560 + 1024 + 1024);
  });
});

describe("a hostile one that", () => {
  const good = { position: 0, length: 10 };
  const hostile: [string, unknown][] = [
    ["has no ranges", []],
    ["has millions of ranges", Array.from({ length: 50_000 }, (_, at) => ({ position: at * 2, length: 1 }))],
    ["has one range more than there may be", [...MOST, { position: 2 ** 52 + 2 ** 52 + 5, length: 1 }]],
    ["has ranges that overlap", [good, good]],
    ["has ranges out of order", [{ position: 100, length: 1 }, good]],
    ["has an empty range", [{ position: 0, length: 0 }]],
    ["leads out of the bundle", [{ position: 2 ** 53 - 2, length: 2 ** 53 - 1 }]],
    ["has a negative position", [{ position: -1, length: 5 }]],
    ["has a negative length", [{ position: 5, length: -1 }]],
    ["has a range of half a byte", [{ position: 0.5, length: 1 }]],
    ["has numbers that are text", [{ position: "0", length: 1 }]],
    ["has a member that nobody knows", [{ ...good, path: "/etc/passwd" }]],
    ["has ranges that are no list", { 0: good }],
  ];

  test.each(hostile)("%s is refused", async (_what, list) => {
    const request = Buffer.from(JSON.stringify({ ...rangesRequest(INDEX, Number.MAX_SAFE_INTEGER, []), ranges: list }));
    expect((await failureOf(async () => parseRequest(request, "it"))).code).toBe("CONFIG_INVALID");
    const withSums = Array.isArray(list) ? list.map((range: object) => ({ ...range, sha256: SHA })) : list;
    const patch = { formatVersion: 1, index: INDEX, size: Number.MAX_SAFE_INTEGER, ranges: withSums };
    const failure = await failureOf(async () => parsePatchIndex(Buffer.from(JSON.stringify(patch))));
    expect(failure.code).toBe("BUNDLE_INVALID");
  });

  test.each([
    ["is of another version", { formatVersion: 2, kind: "head" }],
    ["is of another kind", { formatVersion: 1, kind: "all" }],
    ["asks for the head of nothing known", { formatVersion: 1, kind: "head", ranges: [good] }],
    ["is for no digest", { formatVersion: 1, kind: "ranges", index: "../x", size: 10, ranges: [good] }],
    ["is a list", []],
    ["is text", "head"],
  ])("%s is refused as a request", async (_what, value) => {
    const bytes = Buffer.from(JSON.stringify(value));
    expect((await failureOf(async () => parseRequest(bytes, "it"))).code).toBe("CONFIG_INVALID");
  });

  test("has a sum that is none is refused as a patch", async () => {
    const patch = { formatVersion: 1, index: INDEX, size: 10, ranges: [{ ...good, sha256: "../../x" }] };
    expect((await failureOf(async () => parsePatchIndex(Buffer.from(JSON.stringify(patch))))).code).toBe(
      "BUNDLE_INVALID",
    );
  });
});
