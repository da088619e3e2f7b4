import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { barText } from "../../../src/cli/render/bar-text.js";
import { Meter } from "../../../src/cli/render/meter.js";

function state(done: number, bytes: number, label = "f5f7597d0c5b", seconds = 2) {
  let now = 0;
  const meter = new Meter(() => now);
  now = seconds * 1000;
  meter.add(done);
  return { label, bytes, meter };
}

describe("barText", () => {
  test("shows share, bytes, rate and time left in 79 columns", () => {
    expect(barText(state(40_000_000, 100_000_000), 80)).toBe(
      "f5f7597d0c5b [========-------------]  40%  40.0 MB/100.0 MB  20.0 MB/s     0:03",
    );
  });

  test.each([
    ["nothing to do is all done", state(0, 0), "100%"],
    ["more than was announced is all done", state(300, 100), "100%"],
    ["less than nothing is nothing", state(-300, 100), "  0%"],
    ["almost all is not all", state(999, 1000), " 99%"],
  ])("%s", (_name, bar, percent) => {
    expect(barText(bar, 80)).toContain(`] ${percent}`);
  });

  test("fits every width, and never the last column", () => {
    const amounts = fc.nat({ max: 10 ** 15 });
    fc.assert(
      fc.property(amounts, amounts, fc.integer({ min: 1, max: 300 }), fc.string(), (done, bytes, columns, label) => {
        expect(barText(state(done, bytes, label), columns).length).toBeLessThan(columns);
      }),
    );
  });
});
