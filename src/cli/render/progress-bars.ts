import { MultiBar } from "cli-progress";
import type { OperationEvent } from "../../index.js";
import type { CliOutput } from "../host.js";
import { type BarState, barText } from "./bar-text.js";
import { eventLine } from "./event-line.js";
import type { Line, LineWriter } from "./lines.js";
import { type Clock, Meter } from "./meter.js";
import type { ProgressView } from "./progress-view.js";

// From the cursor to the end of the screen (ECMA-48, ED).
const CLEAR_BELOW = "\u001b[J";

// As docker and git show digests.
const SHORT_DIGEST = 12;

/** A line on the screen; blobs that come after each other share it. */
interface Row {
  /** Undefined once the blob has ended: the row is free. */
  digest: string | undefined;
  state: BarState;
}

/** A bar for the whole, and below it one for each blob that is on its way: as many as ever were at once. */
export class ProgressBars implements ProgressView {
  readonly #writer: LineWriter;
  readonly #now: Clock;
  readonly #output: CliOutput;
  #bars: MultiBar;
  readonly #rows: Row[] = [];
  #total: BarState | undefined;
  #blobs = { all: 0, ended: 0 };
  #stopped = false;
  #isPaused = false;

  constructor(output: CliOutput, writer: LineWriter, now: Clock) {
    this.#writer = writer;
    this.#now = now;
    this.#output = output;
    this.#bars = this.#newBars();
  }

  #newBars(): MultiBar {
    return new MultiBar({
      stream: this.#output,
      format: (_options, { maxWidth }, { state }: { readonly state: () => BarState }) => barText(state(), maxWidth),
      clearOnComplete: true,
      // The terminal goes on wrapping lines, which warnings need; bars are cut to its width.
      linewrap: true,
      // Rates fall while nothing comes, and a line above moves the bars: each frame is drawn anew.
      forceRedraw: true,
      fps: 5,
      // Whoever starts the operation handles the signals.
      gracefulExit: false,
    });
  }

  readonly onEvent = (event: OperationEvent): void => {
    switch (event.type) {
      case "step":
      case "warning":
        this.#print(eventLine(event));
        break;
      case "total":
        this.#showTotal(event.bytes, event.blobs);
        break;
      case "blob-started":
        this.#startBlob(event.digest, event.bytes);
        break;
      case "blob-progress":
        this.#total?.meter.add(event.bytes);
        this.#rowOf(event.digest)?.state.meter.add(event.bytes);
        break;
      case "blob-finished":
        this.#endBlob(event.digest);
        break;
    }
  };

  pause(): () => void {
    this.#clear();
    this.#isPaused = true;
    return () => {
      this.#isPaused = false;
      // Bars that have stopped do not start again.
      this.#bars = this.#newBars();
      const total = this.#total;
      if (total !== undefined) this.#addBar(() => this.#total ?? total);
      for (const row of this.#rows) this.#addBar(() => row.state);
    };
  }

  stop(): void {
    this.#clear();
    this.#stopped = true;
  }

  #clear(): void {
    if (!this.#bars.isActive) return;
    // Flushes the lines that wait for the next frame.
    this.#bars.update();
    this.#bars.stop();
  }

  #print(line: Line): void {
    if (this.#bars.isActive) this.#bars.log(`${CLEAR_BELOW}${this.#writer.format(line)}\n`);
    else void this.#writer.write([line]).catch(() => undefined);
  }

  #showTotal(bytes: number, blobs: number): void {
    const isFirst = this.#total === undefined;
    const total = { label: "", bytes, meter: new Meter(this.#now) };
    this.#total = total;
    this.#blobs = { all: blobs, ended: 0 };
    this.#countBlobs();
    if (isFirst) this.#addBar(() => this.#total ?? total);
  }

  #startBlob(digest: string, bytes: number): void {
    const state = {
      label: digest.slice(digest.indexOf(":") + 1).slice(0, SHORT_DIGEST),
      bytes,
      meter: new Meter(this.#now),
    };
    const free = this.#rowOf(digest) ?? this.#rowOf(undefined);
    if (free !== undefined) {
      Object.assign(free, { digest, state });
      return;
    }
    const row: Row = { digest, state };
    this.#rows.push(row);
    this.#addBar(() => row.state);
  }

  #endBlob(digest: string): void {
    const row = this.#rowOf(digest);
    if (row !== undefined) row.digest = undefined;
    this.#blobs.ended += 1;
    this.#countBlobs();
  }

  #rowOf(digest: string | undefined): Row | undefined {
    return this.#rows.find((row) => row.digest === digest);
  }

  #countBlobs(): void {
    const { all, ended } = this.#blobs;
    // One blob that goes to two repositories ends twice.
    if (this.#total !== undefined) this.#total.label = `${Math.min(ended, all)}/${all} blobs`;
  }

  // cli-progress draws what `state` gives at that time; its own count of values is not used.
  #addBar(state: () => BarState): void {
    if (!this.#stopped && !this.#isPaused) this.#bars.create(0, 0, { state });
  }
}
