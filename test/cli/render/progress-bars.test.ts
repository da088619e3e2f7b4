import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LineWriter } from "../../../src/cli/render/lines.js";
import { openProgress } from "../../../src/cli/render/progress.js";
import { ProgressBars } from "../../../src/cli/render/progress-bars.js";
import type { ProgressView } from "../../../src/cli/render/progress-view.js";
import { type Digest, digestHex, digestOf } from "../../../src/oci/index.js";
import { FakeOutput } from "../fake-host.js";

let terminal: FakeOutput;
let bars: ProgressView;

beforeEach(() => {
  vi.useFakeTimers();
  terminal = new FakeOutput();
  terminal.isTTY = true;
  bars = new ProgressBars(terminal, new LineWriter(terminal, { NO_COLOR: "1" }), () => performance.now());
});

afterEach(() => {
  bars.stop();
  vi.useRealTimers();
});

/** What is on the terminal after the next frame, as lines without control codes. */
function nextFrame(): string[] {
  terminal.text = "";
  vi.advanceTimersByTime(200);
  return terminal.text
    .replaceAll(/\u001b\[[0-9]*[A-Z]/g, "")
    .split("\n")
    .filter((line) => line !== "");
}

function layer(name: string): Digest {
  return digestOf(Buffer.from(name));
}

function label(name: string): string {
  return digestHex(layer(name)).slice(0, 12);
}

function start(name: string, bytes: number): void {
  bars.onEvent({ type: "blob-started", digest: layer(name), bytes });
}

function advance(name: string, bytes: number): void {
  bars.onEvent({ type: "blob-progress", digest: layer(name), bytes });
}

function finish(name: string): void {
  bars.onEvent({ type: "blob-finished", digest: layer(name) });
}

describe("progress on a terminal", () => {
  test("a bar for all, and one for each blob on its way", () => {
    bars.onEvent({ type: "total", bytes: 4_000_000, blobs: 3 });
    start("a", 1_000_000);
    start("b", 2_000_000);
    advance("a", 500_000);
    advance("b", 500_000);
    const [total, a, b, ...more] = nextFrame();
    expect(total).toMatch(/^0\/3 blobs {4}\[=+-+\] {2}25% {5}1\.0 MB\/4\.0 MB/);
    expect(a).toMatch(new RegExp(`^${label("a")} \\[=+-+\\]  50% {3}500\\.0 kB/1\\.0 MB`));
    expect(b).toMatch(new RegExp(`^${label("b")} \\[=+-+\\]  25% {3}500\\.0 kB/2\\.0 MB`));
    expect(more).toEqual([]);
  });

  test("a thousand blobs, two at a time, take three lines", () => {
    bars.onEvent({ type: "total", bytes: 1000, blobs: 1000 });
    start("0", 1);
    for (let at = 1; at < 1000; at += 1) {
      start(String(at), 1);
      finish(String(at - 1));
    }
    const frame = nextFrame();
    expect(frame).toHaveLength(3);
    expect(frame[0]).toContain("999/1000 blobs");
    expect(frame.join("\n")).toContain(label("999"));
  });

  test("rate and time left appear with time", () => {
    bars.onEvent({ type: "total", bytes: 100_000_000, blobs: 1 });
    start("a", 100_000_000);
    for (let tick = 0; tick < 20; tick += 1) {
      vi.advanceTimersByTime(100);
      advance("a", 1_000_000);
    }
    expect(nextFrame()[0]).toMatch(/20% {2}20\.0 MB\/100\.0 MB {3}\d\.\d MB\/s {5}0:\d\d$/);
  });

  test("a new try goes back to the start", () => {
    bars.onEvent({ type: "total", bytes: 1000, blobs: 1 });
    start("a", 1000);
    advance("a", 700);
    advance("a", -700);
    expect(nextFrame()[1]).toContain("  0%");
  });

  test("the same blob again, for another repository, takes the same line", () => {
    bars.onEvent({ type: "total", bytes: 1000, blobs: 1 });
    start("a", 1000);
    start("a", 1000);
    finish("a");
    finish("a");
    const frame = nextFrame();
    expect(frame).toHaveLength(2);
    expect(frame[0]).toContain("1/1 blobs");
  });

  test("warnings stay above the bars, whole and harmless", () => {
    bars.onEvent({ type: "step", text: "before" });
    expect(terminal.text).toBe("before\n");
    bars.onEvent({ type: "total", bytes: 1000, blobs: 1 });
    const text = `${"long ".repeat(40)}\u001b[2J`;
    bars.onEvent({ type: "warning", text });
    const [warning, total] = nextFrame();
    expect(warning).toBe(`warning: ${"long ".repeat(40)}\\u001b[2J`);
    expect(total).toContain("0/1 blobs");
  });

  test("without a total, nothing is drawn but what is on its way", () => {
    expect(nextFrame()).toEqual([]);
    start("a", 1000);
    expect(nextFrame()).toHaveLength(1);
  });

  test("what is said last is not lost, and no line is left in the way of the result", () => {
    bars.onEvent({ type: "total", bytes: 1000, blobs: 1 });
    terminal.text = "";
    bars.onEvent({ type: "warning", text: "at last" });
    bars.stop();
    expect(terminal.text).toContain("warning: at last\n");
    expect(terminal.text.endsWith("\u001b[0J")).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("while something is asked, nothing is in the way; then all is there again", () => {
    bars.onEvent({ type: "total", bytes: 1000, blobs: 2 });
    start("a", 1000);
    const resume = bars.pause();
    expect(terminal.text.endsWith("\u001b[0J")).toBe(true);
    start("b", 500);
    expect(nextFrame()).toEqual([]);
    bars.onEvent({ type: "warning", text: "meanwhile" });
    expect(terminal.text).toBe("warning: meanwhile\n");
    resume();
    expect(nextFrame().map((line) => line.slice(0, 12))).toEqual([
      expect.stringContaining("0/2 blobs"),
      label("a"),
      label("b"),
    ]);
    finish("a");
    expect(nextFrame()[0]).toContain("1/2 blobs");
  });

  test("after the end, nothing is drawn any more", () => {
    bars.stop();
    start("a", 1000);
    expect(nextFrame()).toEqual([]);
  });
});

describe("openProgress", () => {
  test("draws bars on a terminal only", async () => {
    expect(await openProgress(terminal, {}, false)).toBeInstanceOf(ProgressBars);
    expect(await openProgress(terminal, { TERM: "dumb" }, false)).not.toBeInstanceOf(ProgressBars);
    expect(await openProgress(new FakeOutput(), {}, false)).not.toBeInstanceOf(ProgressBars);
  });

  test("says nothing at all if that is wanted", async () => {
    const quiet = await openProgress(terminal, {}, true);
    quiet.onEvent({ type: "warning", text: "Careful" });
    quiet.onEvent({ type: "total", bytes: 1000, blobs: 1 });
    quiet.stop();
    expect(terminal.text).toBe("");
  });
});
