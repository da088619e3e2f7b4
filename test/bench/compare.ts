import type { Measured } from "./measure.js";

/** One of two ways to do the same. */
export interface Side {
  /** Does it once, with all that is not to be measured before and after. */
  run(): Promise<Measured>;
}

/** What a number of runs took. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly cpuMedian: number;
}

/** Runs two sides in turn, once to warm up and then `runs` times, so that what else the machine does meets both. */
export async function compare(a: Side, b: Side, runs: number): Promise<readonly [Summary, Summary]> {
  const measured: [Measured[], Measured[]] = [[], []];
  for (let round = 0; round <= runs; round += 1) {
    const results = [await a.run(), await b.run()] as const;
    if (round === 0) continue;
    measured[0].push(results[0]);
    measured[1].push(results[1]);
  }
  return [summarize(measured[0]), summarize(measured[1])];
}

function summarize(runs: readonly Measured[]): Summary {
  const seconds = runs.map((run) => run.seconds);
  return {
    median: median(seconds),
    min: Math.min(...seconds),
    max: Math.max(...seconds),
    cpuMedian: median(runs.map(({ cpuSeconds }) => cpuSeconds)),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}
