/** Milliseconds from any start that only grow. */
export type Clock = () => number;

// A rate over less time jumps about; over more, it hides that the line got slow.
const WINDOW_MS = 5000;
const SAMPLE_MS = 250;

// The first chunks come out of buffers, and say nothing about the rate.
const WARM_UP_MS = 1000;

/** Measures how fast something is done. */
export class Meter {
  readonly #now: Clock;
  readonly #samples: { readonly at: number; readonly done: number }[];
  #done = 0;

  constructor(now: Clock) {
    this.#now = now;
    this.#samples = [{ at: now(), done: 0 }];
  }

  /** Bytes done so far. */
  get done(): number {
    return this.#done;
  }

  /** Counts bytes; negative ones were done in vain. */
  add(bytes: number): void {
    this.#done += bytes;
    this.#sample(this.#now());
  }

  /** Bytes in a second, of late; undefined while that cannot be said. */
  get rate(): number | undefined {
    const now = this.#now();
    this.#sample(now);
    while (this.#samples[1] !== undefined && this.#samples[1].at <= now - WINDOW_MS) this.#samples.shift();
    const [first] = this.#samples;
    if (first === undefined || now - first.at < WARM_UP_MS) return undefined;
    return Math.max(0, ((this.#done - first.done) * 1000) / (now - first.at));
  }

  /** Seconds until `total` bytes are done, if it goes on like this; undefined while that cannot be said. */
  secondsTo(total: number): number | undefined {
    const rate = this.rate;
    return rate === undefined || rate === 0 ? undefined : Math.max(0, total - this.#done) / rate;
  }

  #sample(at: number): void {
    const last = this.#samples.at(-1);
    if (last === undefined || at - last.at >= SAMPLE_MS) this.#samples.push({ at, done: this.#done });
  }
}
