import pLimit from "p-limit";

/**
 * Runs a task for each item, `concurrency` of them at a time. The first failure
 * stops the others through their signal; it is thrown once all have ended, so
 * that nothing is still at work when the caller cleans up.
 */
export async function runAll<T>(
  items: readonly T[],
  concurrency: number,
  outer: AbortSignal | undefined,
  task: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const signal = outer === undefined ? failed.signal : AbortSignal.any([outer, failed.signal]);
  const limit = pLimit(concurrency);
  await Promise.allSettled(
    items.map((item) =>
      limit(async () => {
        if (signal.aborted) return;
        try {
          await task(item, signal);
        } catch (error) {
          failed.abort(error);
        }
      }),
    ),
  );
  outer?.throwIfAborted();
  failed.signal.throwIfAborted();
}
