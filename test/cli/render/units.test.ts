import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counted, exactBytes, humanBytes, humanDuration } from "../../../src/cli/render/units.js";

describe("humanBytes", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [999_949, "999.9 kB"],
    [999_950, "1.0 MB"],
    [41_234_567, "41.2 MB"],
    [5_000_000_000, "5.0 GB"],
    [12_345_000_000_000_000, "12345.0 TB"],
  ])("%d is %s", (bytes, text) => {
    expect(humanBytes(bytes)).toBe(text);
  });

  test("never takes more than the eight characters that the bars have for it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_949_999_999_999 }), (bytes) => {
        expect(humanBytes(bytes).length).toBeLessThanOrEqual(8);
      }),
    );
  });
});

test.each([
  [0, "0 bytes"],
  [1, "1 byte"],
  [41_234_567, "41.2 MB (41,234,567 bytes)"],
])("%d bytes exactly: %s", (bytes, text) => {
  expect(exactBytes(bytes)).toBe(text);
});

test.each([
  [0, "0:00"],
  [6.2, "0:07"],
  [60, "1:00"],
  [754, "12:34"],
  [3723, "1:02:03"],
])("%d seconds: %s", (seconds, text) => {
  expect(humanDuration(seconds)).toBe(text);
});

test("one is singular", () => {
  expect([0, 1, 2].map((count) => counted(count, "image"))).toEqual(["0 images", "1 image", "2 images"]);
});
