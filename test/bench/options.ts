import { parseArgs } from "node:util";

export interface BenchOptions {
  /** How many runs of each side count. */
  readonly runs: number;
  /** Of the images, in bytes. */
  readonly size: number;
  /** Whether memory is measured with a bundle of gigabytes, too. */
  readonly large: boolean;
  /** The only row to measure. */
  readonly only: string | undefined;
}

const MB = 1e6;

/** @throws Error if the arguments are wrong. */
export function parseOptions(args: readonly string[], rows: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: "string", default: "3" },
      size: { type: "string", default: "700" },
      large: { type: "boolean", default: false },
      only: { type: "string" },
    },
  });
  const { large, only } = values;
  if (only !== undefined && !rows.includes(only))
    throw new Error(`expected --only with one of ${rows.join(", ")}, got ${only}`);
  return { runs: positive("--runs", values.runs), size: positive("--size", values.size) * MB, large, only };
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0) throw new Error(`expected ${option} with a number above 0, got ${text}`);
  return value;
}
