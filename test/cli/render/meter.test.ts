import { beforeEach, describe, expect, test } from "vitest";
import { Meter } from "../../../src/cli/render/meter.js";

let now: number;
let meter: Meter;

beforeEach(() => {
  now = 1000;
  meter = new Meter(() => now);
});

function pass(milliseconds: number, bytes: number): void {
  now += milliseconds;
  meter.add(bytes);
}

describe("Meter", () => {
  test("says nothing of the rate at first", () => {
    pass(500, 1_000_000);
    expect(meter.rate).toBeUndefined();
    expect(meter.secondsTo(2_000_000)).toBeUndefined();
  });

  test("tells the rate, and the time that is left", () => {
    for (let tick = 0; tick < 20; tick += 1) pass(100, 1000);
    expect(meter.rate).toBe(10_000);
    expect(meter.secondsTo(120_000)).toBe(10);
  });

  test("forgets what was long ago", () => {
    for (let tick = 0; tick < 100; tick += 1) pass(100, 100_000);
    for (let tick = 0; tick < 100; tick += 1) pass(100, 100);
    expect(meter.rate).toBe(1000);
  });

  test("falls to nothing while nothing comes", () => {
    for (let tick = 0; tick < 20; tick += 1) pass(100, 1000);
    for (let frame = 0; frame < 30; frame += 1) {
      now += 200;
      expect(meter.rate).toBeLessThanOrEqual(10_000);
    }
    expect(meter.rate).toBe(0);
    expect(meter.secondsTo(1_000_000)).toBeUndefined();
  });

  test("a new try takes back what was done, and the rate is never negative", () => {
    for (let tick = 0; tick < 20; tick += 1) pass(100, 1000);
    pass(100, -20_000);
    expect(meter.done).toBe(0);
    expect(meter.rate).toBeGreaterThanOrEqual(0);
  });
});
