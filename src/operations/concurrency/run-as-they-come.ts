/** Something to do. */
export interface Task {
  /** Whether all that came before it must be done, and nothing more may come until it is. */
  readonly isAlone: boolean;
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Runs tasks as they come, `concurrency` of them at a time; no further one is
 * asked for meanwhile. The first failure stops the others through their signal;
 * it is thrown once all have ended. What would give the next task may then still
 * be waiting: whoever calls ends that.
 */
export async function runAsTheyCome(
  tasks: AsyncIterable<Task, unknown>,
  concurrency: number,
  outer: AbortSignal | undefined,
): Promise<void> {
  const failed = new AbortController();
  const signal = outer === undefined ? failed.signal : AbortSignal.any([outer, failed.signal]);
  const running = new Set<Promise<void>>();
  const start = (task: Task): Promise<void> => {
    const run = task
      .run(signal)
      .catch((error: unknown) => failed.abort(error))
      .finally(() => running.delete(run));
    running.add(run);
    return run;
  };
  const coming = tasks[Symbol.asyncIterator]();
  while (!signal.aborted) {
    const next = coming.next().catch((error: unknown) => {
      failed.abort(error);
    });
    const came = await orAborted(next, signal);
    if (came === undefined || came.done === true) break;
    if (came.value.isAlone) await Promise.all(running);
    const run = start(came.value);
    if (came.value.isAlone) await run;
    else if (running.size >= concurrency) await Promise.race(running);
  }
  await Promise.all(running);
  outer?.throwIfAborted();
  failed.signal.throwIfAborted();
}

/** What a promise gives; undefined if the signal comes before. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return await new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
