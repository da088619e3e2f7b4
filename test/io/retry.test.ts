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

  test("tries six times in all, and fails with the last error", async () => {
    expect(await run(5)).toMatchObject({ outcome: "done", tried: 6 });
    expect(await run(9)).toMatchObject({ outcome: "failure 6", tried: 6 });
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
      const longest = Math.min(500 * 2 ** index, 30_000);
      expect(wait).toBeGreaterThanOrEqual(longest / 2);
      expect(wait).toBeLessThanOrEqual(longest);
    });
    expect(new Set(waits).size).toBeGreaterThan(10);
  });

  test("waits at least as long as the error asks, and gives up at once where that is too long", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 600_000 }), async (asked) => {
        const { tried, waits } = await run(1, { minDelay: () => asked });
        if (asked > 300_000) expect({ tried, waits }).toEqual({ tried: 1, waits: [] });
        else expect(waits).toEqual([Math.max(asked, waits[0] ?? -1)]);
      }),
    );
  });

  test("has all tries again after one that got on, and waits as after a first one", async () => {
    let tries = 0;
    const hasProgressed = () => {
      tries += 1;
      return tries % 3 === 0;
    };
    const { tried, waits } = await run(10, { tries: 4, hasProgressed });
    expect(tried).toBe(11);
    for (const index of [2, 5, 8]) expect(waits[index]).toBeLessThanOrEqual(500);
  });

  test("ends when too many tries in a row do not get on", async () => {
    let tries = 0;
    const hasProgressed = () => {
      tries += 1;
      return tries === 2;
    };
    expect(await run(99, { tries: 4, hasProgressed })).toMatchObject({ tried: 5 });
  });

  test("does not try again at all when it must not, though the only try got on", async () => {
    expect(await run(9, { tries: 1, hasProgressed: () => true })).toMatchObject({ tried: 1 });
  });

  test("tells of each wait before it, with the error it follows", async () => {
    const told: string[] = [];
    const onWait = (error: unknown, milliseconds: number) => told.push(`${(error as Error).message}: ${milliseconds}`);
    const { waits } = await run(2, { onWait });
    expect(told).toEqual(waits.map((wait, index) => `failure ${index + 1}: ${wait}`));
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
