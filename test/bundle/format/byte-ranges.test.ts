import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { areWithin, type ByteRange, endOfRange, mergeRanges, rangesIn } from "../../../src/bundle/format/index.js";

const SIZE = 200_000;
const range: fc.Arbitrary<ByteRange> = fc
  .tuple(fc.nat(SIZE - 1), fc.nat(9000))
  .map(([position, length]) => ({ position, length: Math.min(length, SIZE - position) }));
const ranges = fc.array(range, { maxLength: 30 });

function isIn(list: readonly ByteRange[], at: number): boolean {
  return list.some((one) => one.position <= at && at < endOfRange(one));
}

describe("ranges that are merged", () => {
  test("cover all that they did, are in order and apart from each other, and as few as they may be", () => {
    fc.assert(
      fc.property(ranges, fc.integer({ min: 1, max: 8 }), fc.array(fc.nat(SIZE - 1)), (given, max, places) => {
        const merged = mergeRanges(given, max);
        expect(merged.length).toBeLessThanOrEqual(max);
        expect(areWithin(merged, SIZE)).toBe(true);
        const edges = given.flatMap(({ position, length }) => (length === 0 ? [] : [position, position + length - 1]));
        for (const at of [...places, ...edges]) if (isIn(given, at)) expect(isIn(merged, at)).toBe(true);
      }),
    );
  });

  test("stay as they are if they are few and far from each other", () => {
    const apart = [
      { position: 0, length: 1 },
      { position: 5000, length: 10 },
      { position: 100_000, length: 5 },
    ];
    expect(mergeRanges(apart.toReversed())).toEqual(apart);
    // The two that are closest are joined if there may be two only.
    expect(mergeRanges(apart, 2)).toEqual([{ position: 0, length: 5010 }, apart[2]]);
  });
});

test("what ranges have in common with a stretch is found", () => {
  fc.assert(
    fc.property(ranges, range, fc.array(fc.nat(SIZE - 1)), (given, { position, length }, places) => {
      const merged = mergeRanges(given);
      const common = [...rangesIn(merged, position, length)];
      for (const at of [...places, position, position + Math.max(0, length - 1)]) {
        const isInBoth = isIn(merged, at) && at >= position && at < position + length;
        expect(isIn(common, at)).toBe(isInBoth);
      }
      for (const part of common) expect(isIn([merged[part.at]!], part.position)).toBe(true);
    }),
  );
});

test.each<[string, ByteRange[]]>([
  [
    "overlap",
    [
      { position: 0, length: 10 },
      { position: 9, length: 5 },
    ],
  ],
  [
    "are out of order",
    [
      { position: 50, length: 10 },
      { position: 0, length: 5 },
    ],
  ],
  ["are empty", [{ position: 5, length: 0 }]],
  ["lead out of the bundle", [{ position: 90, length: 11 }]],
  ["begin behind its end", [{ position: 2 ** 53 - 1, length: 2 ** 53 - 1 }]],
])("ranges that %s are no good", (_what, list) => {
  expect(areWithin(list, 100)).toBe(false);
});
