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
  /** How many tries there are in all; 3 by default. */
  readonly tries?: number;
  readonly signal?: AbortSignal;
  /** Replaces the wait between tries. */
  readonly sleep?: Sleep;
}

// podman pull tries 3 more times (--retry), dockerd 5 times (max-download-attempts);
// with the delays below, three tries outlast a short restart.
const DEFAULT_TRIES = 3;

// The first wait is up to half a second, and each further one twice as long.
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;

// Docker Hub asks for hours when its pull limit is reached: nobody waits for that.
const MAX_ASKED_DELAY_MS = 60_000;

/**
 * Calls `attempt` until it succeeds, fails for good, or has been called often
 * enough. The waits grow, and vary at random, so that many clients of one
 * server do not come back all at once
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
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
      const asked = tried < tries ? minDelay(error) : undefined;
      if (asked === undefined) throw error;
      await sleep(Math.max(backOff(tried), Math.min(asked, MAX_ASKED_DELAY_MS)), signal);
    }
  }
}

function backOff(tried: number): number {
  const longest = Math.min(FIRST_DELAY_MS * 2 ** (tried - 1), MAX_DELAY_MS);
  return longest * (0.5 + Math.random() / 2);
}

async function sleepUnlessAborted(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await wait(milliseconds, undefined, signal && { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
