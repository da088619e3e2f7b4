import type { Meter } from "./meter.js";
import { humanBytes, humanDuration } from "./units.js";

/** What a bar shows. */
export interface BarState {
  label: string;
  /** What there is to do, in bytes. */
  readonly bytes: number;
  readonly meter: Meter;
}

// Wide enough for what they hold, so that nothing moves sideways: "12/345 blobs",
// "100%", "999.9 MB/999.9 MB", "999.9 MB/s", "99:59:59".
const LABEL_WIDTH = 12;
const PERCENT_WIDTH = 4;
const AMOUNT_WIDTH = 17;
const RATE_WIDTH = 10;
const LEFT_WIDTH = 8;
const MAX_BAR_WIDTH = 40;

/** One line of at most `columns - 1` characters: in the last column a terminal may wrap. */
export function barText({ label, bytes, meter }: BarState, columns: number): string {
  const share = bytes === 0 ? 1 : Math.min(1, Math.max(0, meter.done / bytes));
  const left = meter.secondsTo(bytes);
  const figures = [
    `${Math.floor(share * 100)}%`.padStart(PERCENT_WIDTH),
    `${humanBytes(Math.max(0, meter.done))}/${humanBytes(bytes)}`.padStart(AMOUNT_WIDTH),
    (meter.rate === undefined ? "" : `${humanBytes(meter.rate)}/s`).padStart(RATE_WIDTH),
    (left === undefined ? "" : humanDuration(left)).padStart(LEFT_WIDTH),
  ].join(" ");
  const name = label.padEnd(LABEL_WIDTH);
  const width = columns - 1;
  const barWidth = Math.min(MAX_BAR_WIDTH, width - name.length - figures.length - " [] ".length);
  if (barWidth < 1) return `${name} ${figures}`.slice(0, width);
  const done = Math.floor(share * barWidth);
  return `${name} [${"=".repeat(done)}${"-".repeat(barWidth - done)}] ${figures}`;
}
