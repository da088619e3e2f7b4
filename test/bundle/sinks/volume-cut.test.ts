import fc from "fast-check";
import { expect, test } from "vitest";
import { slicesOf } from "../../../src/bundle/sinks/volume-cut.js";

const SIZE = fc.integer({ min: 1, max: 40 });

test("any range of any cut is found again, piece by piece, and cat of the parts is the whole", () => {
  fc.assert(
    fc.property(SIZE, fc.nat(60), fc.nat(60), (partSize, position, length) => {
      const bytes = Buffer.from(Array.from({ length: 130 }, (_, at) => at));
      const parts = Array.from({ length: Math.ceil(bytes.length / partSize) }, (_, at) =>
        bytes.subarray(at * partSize, (at + 1) * partSize),
      );
      expect(Buffer.concat(parts)).toEqual(bytes);
      const slices = slicesOf(position, length, partSize);
      const found = slices.map((slice) => parts[slice.part]!.subarray(slice.position, slice.position + slice.length));
      expect(Buffer.concat(found)).toEqual(bytes.subarray(position, position + length));
      expect(slices.map(({ start }) => start)).toEqual(
        slices.map((_, at) => slices.slice(0, at).reduce((sum, slice) => sum + slice.length, 0)),
      );
      for (const slice of slices) expect(slice.length).toBeGreaterThan(0);
    }),
  );
});

test("positions beyond 32 bits are exact", () => {
  const partSize = 4_294_966_784;
  expect(slicesOf(partSize * 700 - 1, 2, partSize)).toEqual([
    { part: 699, position: partSize - 1, start: 0, length: 1 },
    { part: 700, position: 0, start: 1, length: 1 },
  ]);
});
