import type { OperationEvent } from "../../index.js";
import { eventLine } from "./event-line.js";
import type { LineWriter } from "./lines.js";
import { type Clock, Meter } from "./meter.js";
import type { ProgressView } from "./progress-view.js";
import { humanBytes, humanDuration } from "./units.js";

// A log of an hour's run shall fit a mail, and a stuck one shall show: a line
// for every tenth, though not faster than one in five seconds, and else one a minute.
const MIN_SILENCE_MS = 5000;
const MAX_SILENCE_MS = 60_000;
const STEP_PERCENT = 10;

/** Lines for a log: steps, warnings, and now and then how far it got. */
export function plainProgress(writer: LineWriter, now: Clock): ProgressView {
  let total: { readonly bytes: number; readonly meter: Meter } | undefined;
  let last = { at: now(), percent: 0 };

  const tell = (bytes: number) => {
    if (total === undefined) return;
    total.meter.add(bytes);
    const at = now();
    const percent = Math.min(100, Math.floor((total.meter.done / total.bytes) * 100));
    const silence = at - last.at;
    if (silence < MIN_SILENCE_MS || (percent < last.percent + STEP_PERCENT && silence < MAX_SILENCE_MS)) return;
    last = { at, percent };
    print(`${percent}%: ${totalText(total.meter, total.bytes)}`);
  };

  // A log that cannot be written is no reason to stop the work.
  const print = (line: Parameters<LineWriter["format"]>[0]) => void writer.write([line]).catch(() => undefined);

  const onEvent = (event: OperationEvent) => {
    if (event.type === "step" || event.type === "warning") print(eventLine(event));
    else if (event.type === "total") total = { bytes: event.bytes, meter: new Meter(now) };
    else if (event.type === "blob-progress") tell(event.bytes);
  };
  return { onEvent, pause: () => () => undefined, stop: () => undefined };
}

function totalText(meter: Meter, bytes: number): string {
  const left = meter.secondsTo(bytes);
  return [
    `${humanBytes(meter.done)} of ${humanBytes(bytes)}`,
    ...(meter.rate === undefined ? [] : [`${humanBytes(meter.rate)}/s`]),
    ...(left === undefined ? [] : [`${humanDuration(left)} left`]),
  ].join(", ");
}
