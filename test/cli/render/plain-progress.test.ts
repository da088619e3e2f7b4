import { beforeEach, describe, expect, test } from "vitest";
import { LineWriter } from "../../../src/cli/render/lines.js";
import { plainProgress } from "../../../src/cli/render/plain-progress.js";
import type { ProgressView } from "../../../src/cli/render/progress-view.js";
import { digestOf } from "../../../src/oci/index.js";
import { FakeOutput } from "../fake-host.js";

const DIGEST = digestOf(Buffer.from("a layer"));

let now: number;
let output: FakeOutput;
let progress: ProgressView;

beforeEach(() => {
  now = 0;
  output = new FakeOutput();
  progress = plainProgress(new LineWriter(output, {}), () => now);
});

function transfer(bytes: number, inSeconds: number): void {
  for (let second = 0; second < inSeconds; second += 1) {
    now += 1000;
    progress.onEvent({ type: "blob-progress", digest: DIGEST, bytes: bytes / inSeconds });
  }
}

describe("progress without a terminal", () => {
  test("steps and warnings are lines", () => {
    progress.onEvent({ type: "step", text: "Reading\u001b[2J" });
    progress.onEvent({ type: "warning", text: "Careful" });
    expect(output.text).toBe("Reading\\u001b[2J\nwarning: Careful\n");
  });

  test("an hour takes ten lines and one a minute at most, each with all that counts", () => {
    progress.onEvent({ type: "total", bytes: 36_000_000_000, blobs: 1 });
    transfer(36_000_000_000, 3600);
    const lines = output.text.trimEnd().split("\n");
    expect(lines[0]).toBe("1%: 600.0 MB of 36.0 GB, 10.0 MB/s, 59:00 left");
    expect(lines).toHaveLength(60);
  });

  test("a short transfer takes a line every five seconds at most", () => {
    progress.onEvent({ type: "total", bytes: 1_000_000, blobs: 1 });
    transfer(1_000_000, 20);
    expect(output.text.trimEnd().split("\n")).toEqual([
      "25%: 250.0 kB of 1.0 MB, 50.0 kB/s, 0:15 left",
      "50%: 500.0 kB of 1.0 MB, 50.0 kB/s, 0:10 left",
      "75%: 750.0 kB of 1.0 MB, 50.0 kB/s, 0:05 left",
      "100%: 1.0 MB of 1.0 MB, 50.0 kB/s, 0:00 left",
    ]);
  });

  test("a transfer of a few seconds takes none", () => {
    progress.onEvent({ type: "total", bytes: 1_000_000, blobs: 1 });
    transfer(1_000_000, 4);
    expect(output.text).toBe("");
  });

  test("a new try, and blobs without a total, do no harm", () => {
    transfer(1_000_000, 100);
    progress.onEvent({ type: "total", bytes: 1_000_000, blobs: 1 });
    transfer(900_000, 10);
    transfer(-900_000, 1);
    transfer(1_000_000, 100);
    expect(output.text).not.toMatch(/NaN|undefined|-/);
  });

  test("a log that cannot be written stops nothing", async () => {
    output.on("error", () => undefined);
    output.failure = Object.assign(new Error("full"), { code: "ENOSPC" });
    progress.onEvent({ type: "step", text: "Reading" });
    await new Promise((resolve) => setImmediate(resolve));
  });
});
