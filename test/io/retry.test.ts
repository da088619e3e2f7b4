import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RetryOptions, retry } from "../../src/io/index.js";

/** Runs `retry` on something that fails `failures` times; says how often it was tried, and how long it was waited. */
async function run(failures: number, options: Partial<RetryOptions> = {}) {
  const waits: number[] = [];
  let tried = 0;
  const attempt = async (): Promise<string> => {
    tried += 1;
    if (tried <= failures) throw new Error(`failure ${tried}`);
    return "done";
  };
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  const outcome = await retry(attempt, { minDelay: () => 0, sleep, ...options }).catch(
    (error: unknown) => (error as Error).message,
  );
  return { outcome, tried, waits };
}

describe("retry", () => {
  test("does not wait when the first try succeeds", async () => {
    expect(await run(0)).toEqual({ outcome: "done", tried: 1, waits: [] });
  });

  test("tries three times in all, and fails with the last error", async () => {
    expect(await run(2)).toMatchObject({ outcome: "done", tried: 3 });
    expect(await run(9)).toMatchObject({ outcome: "failure 3", tried: 3 });
  });

  test("tries as often as it is told", async () => {
    expect(await run(9, { tries: 1 })).toEqual({ outcome: "failure 1", tried: 1, waits: [] });
    expect(await run(9, { tries: 5 })).toMatchObject({ outcome: "failure 5", tried: 5 });
  });

  test("gives up at once on an error that is final", async () => {
    expect(await run(9, { minDelay: () => undefined })).toEqual({ outcome: "failure 1", tried: 1, waits: [] });
  });

  test("waits longer from try to try, never in step with others, and never too long", async () => {
    const { waits } = await run(20, { tries: 20 });
    waits.forEach((wait, index) => {
      const longest = Math.min(500 * 2 ** index, 10_000);
      expect(wait).toBeGreaterThanOrEqual(longest / 2);
      expect(wait).toBeLessThanOrEqual(longest);
    });
    expect(new Set(waits).size).toBeGreaterThan(10);
  });

  test("waits at least as long as the error asks, up to a minute", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 10_000_000 }), async (asked) => {
        const { waits } = await run(1, { minDelay: () => asked });
        expect(waits[0]).toBeGreaterThanOrEqual(Math.min(asked, 60_000));
        expect(waits[0]).toBeLessThanOrEqual(60_000);
      }),
    );
  });

  test("does not begin when the signal came first", async () => {
    const signal = AbortSignal.abort(new Error("stop"));
    expect(await run(0, { signal })).toEqual({ outcome: "stop", tried: 0, waits: [] });
  });

  test("ends with the signal's reason, and not with what the abort made fail", async () => {
    const controller = new AbortController();
    const attempt = async (): Promise<never> => {
      controller.abort(new Error("stop"));
      throw new Error("the connection was cut");
    };
    await expect(retry(attempt, { minDelay: () => 0, signal: controller.signal })).rejects.toThrow("stop");
  });

  test("ends its wait when the signal comes", async () => {
    const controller = new AbortController();
    const attempt = async (): Promise<never> => {
      setImmediate(() => controller.abort(new Error("stop")));
      throw new Error("not yet");
    };
    const endless = { minDelay: () => 60_000, signal: controller.signal };
    await expect(retry(attempt, endless)).rejects.toThrow("stop");
  });
});
