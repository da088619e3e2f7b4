import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { runAsTheyCome, type Task } from "../../../src/operations/concurrency/run-as-they-come.js";

/** Tasks that note what happens, and end when they are told to. */
class Stage {
  readonly log: string[] = [];
  readonly #ends = new Map<string, (error?: Error) => void>();
  running = 0;
  most = 0;

  task(name: string, isAlone = false): Task {
    return {
      isAlone,
      run: async (signal) => {
        this.log.push(`${name} begins`);
        this.running += 1;
        this.most = Math.max(this.most, this.running);
        await new Promise<void>((resolve, reject) => {
          this.#ends.set(name, (error) => (error === undefined ? resolve() : reject(error)));
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        }).finally(() => {
          this.running -= 1;
          this.log.push(`${name} ends`);
        });
      },
    };
  }

  async end(name: string, error?: Error): Promise<void> {
    await wait(1);
    this.#ends.get(name)?.(error);
    await wait(1);
  }
}

async function* coming(...tasks: readonly Task[]): AsyncGenerator<Task> {
  yield* tasks;
}

describe("tasks that come", () => {
  test("run beside each other, and no more of them than allowed", async () => {
    const stage = new Stage();
    const run = runAsTheyCome(coming(...["a", "b", "c"].map((name) => stage.task(name))), 2, undefined);
    await stage.end("b");
    await stage.end("c");
    await stage.end("a");
    await run;
    expect(stage.log).toEqual(["a begins", "b begins", "b ends", "c begins", "c ends", "a ends"]);
    expect(stage.most).toBe(2);
  });

  test("run alone if they want to", async () => {
    const stage = new Stage();
    const run = runAsTheyCome(coming(stage.task("a"), stage.task("b", true), stage.task("c")), 4, undefined);
    for (const name of ["a", "b", "c"]) await stage.end(name);
    await run;
    expect(stage.log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  test("are stopped by the first that fails, and no further one is asked for", async () => {
    const stage = new Stage();
    let asked = 0;
    const tasks = (async function* () {
      for (const name of ["a", "b", "c", "d"]) {
        asked += 1;
        yield stage.task(name);
      }
    })();
    const run = runAsTheyCome(tasks, 2, undefined);
    const failed = expect(run).rejects.toThrow("b failed");
    await stage.end("b", new Error("b failed"));
    await failed;
    expect(stage.log).toEqual(["a begins", "b begins", "b ends", "a ends"]);
    expect(asked).toBe(2);
  });

  test("that fail are heard of while the next one does not come", async () => {
    const stage = new Stage();
    const tasks = (async function* () {
      yield stage.task("a");
      await new Promise(() => undefined);
    })();
    const failed = expect(runAsTheyCome(tasks, 2, undefined)).rejects.toThrow("a failed");
    await stage.end("a", new Error("a failed"));
    await failed;
  });

  test("end when whoever gives them fails", async () => {
    const stage = new Stage();
    const tasks = (async function* () {
      yield stage.task("a");
      throw new Error("the pipe broke");
    })();
    await expect(runAsTheyCome(tasks, 2, undefined)).rejects.toThrow("the pipe broke");
    expect(stage.log).toEqual(["a begins", "a ends"]);
  });

  test("end when the caller wants to stop", async () => {
    const stage = new Stage();
    const stop = new AbortController();
    const run = expect(runAsTheyCome(coming(stage.task("a")), 1, stop.signal)).rejects.toThrow("enough");
    await wait(1);
    stop.abort(new Error("enough"));
    await run;
    expect(stage.log).toEqual(["a begins", "a ends"]);
  });
});
