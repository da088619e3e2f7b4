import type { Line } from "../line.js";
import type { Workbench } from "../workbench.js";

/** Something that is measured. */
export interface Row {
  /** As `--only` takes it. */
  readonly name: string;
  readonly what: string;
  /** Programs it cannot do without. */
  readonly tools: readonly string[];
  /** @param runs - How many runs count. */
  measure(bench: Workbench, runs: number): Promise<readonly Line[]>;
}
