import { setTimeout as wait } from "node:timers/promises";

/** Waits for a number of milliseconds; fails with the signal's reason when that comes first. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

/** How {@link retry} tries. */
export interface RetryOptions {
  /**
   * Judges the error a try ended with: undefined if another try is of no use,
   * else the milliseconds to wait before it at least, 0 if the error names none.
   */
  readonly minDelay: (error: unknown) => number | undefined;
  /** How many tries there are in all, as long as none makes progress; 6 by default. */
  readonly tries?: number;
  /**
   * Whether the try that just failed brought the work so far forward that the
   * next one begins where it ended. All tries are left then: what keeps getting
   * on may break as often as it likes.
   */
  readonly hasProgressed?: () => boolean;
  /** Told before each wait: after which error, and how many milliseconds it takes. */
  readonly onWait?: (error: unknown, milliseconds: number) => void;
  readonly signal?: AbortSignal;
  /** Replaces the wait between tries. */
  readonly sleep?: Sleep;
}

// dockerd tries 5 times (max-download-attempts), podman 4 times (--retry). With
// the delays below, six tries outlast what restarts within some ten seconds.
const DEFAULT_TRIES = 6;

// The first wait is up to half a second, and each further one twice as long:
// ten more tries outlast a router that takes two minutes to start.
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;

/**
 * The longest wait that a server may ask for. Limits on requests ask for
 * seconds or a minute (GitLab, Quay); what asks for hours is better tried by the
 * next run than by one that stands still.
 */
export const MAX_ASKED_DELAY_MS = 5 * 60_000;

/**
 * Calls `attempt` until it succeeds, fails for good, or has been called often
 * enough. The waits grow, and vary at random, so that many clients of one
 * server do not come back all at once
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 *
 * An error that asks for more than {@link MAX_ASKED_DELAY_MS} is final: to come
 * back earlier would do no good.
 *
 * @throws What the last try failed with, or the signal's reason.
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { minDelay, tries = DEFAULT_TRIES, signal, sleep = sleepUnlessAborted } = options;
  for (let tried = 1; ; tried += 1) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (tries > 1 && options.hasProgressed?.() === true) tried = 1;
      const asked = tried < tries ? minDelay(error) : undefined;
      if (asked === undefined || asked > MAX_ASKED_DELAY_MS) throw error;
      const delay = Math.max(backOff(tried), asked);
      options.onWait?.(error, delay);
      await sleep(delay, signal);
    }
  }
}

function backOff(tried: number): number {
  const longest = Math.min(FIRST_DELAY_MS * 2 ** (tried - 1), MAX_DELAY_MS);
  return longest * (0.5 + Math.random() / 2);
}

/** Waits for a number of milliseconds; ends at once, with its reason, when the signal comes. */
export async function sleepUnlessAborted(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await wait(milliseconds, undefined, signal && { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
