import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { listenForInterruption } from "../../src/cli/interruption.js";
import { FakeHost } from "./fake-host.js";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe("listenForInterruption", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s aborts once", (signal) => {
    const host = new FakeHost();
    const onFirst = vi.fn();
    using interruption = listenForInterruption(host, onFirst);
    expect(interruption.signal.aborted).toBe(false);
    host.emit(signal);
    host.emit(signal);
    expect(interruption.signal.reason).toMatchObject({ code: "INTERRUPTED", exitCode: 130 });
    expect(onFirst.mock.calls).toEqual([[signal]]);
  });

  test("the echo of a Ctrl-C, as npx makes it, is taken; a second Ctrl-C finds no listener", () => {
    const host = new FakeHost();
    using interruption = listenForInterruption(host, () => undefined);
    host.emit("SIGINT");
    expect(interruption.signal.aborted).toBe(true);
    expect(host.listenerCount("SIGINT")).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(host.listenerCount("SIGINT")).toBe(0);
  });

  test("SIGTERM and SIGHUP, which come twice, never end the process in the middle of its cleaning up", () => {
    const host = new FakeHost();
    using interruption = listenForInterruption(host, () => undefined);
    host.emit("SIGHUP");
    expect(interruption.signal.aborted).toBe(true);
    vi.advanceTimersByTime(1000);
    expect(host.listenerCount("SIGHUP")).toBe(1);
    expect(host.listenerCount("SIGTERM")).toBe(1);
  });

  test("leaves nothing behind", () => {
    const host = new FakeHost();
    const interruption = listenForInterruption(host, () => undefined);
    host.emit("SIGINT");
    interruption[Symbol.dispose]();
    expect(host.eventNames()).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
