import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { minQuota, patience } from "../../src/cli/patience.js";
import { failureOf } from "../support/errors.js";
import type { FakeHost } from "./fake-host.js";
import { Stage } from "./stage.js";

const NOTHING = { retries: undefined, timeout: undefined };

describe("--retries", () => {
  test.each([
    ["0", 1],
    ["1", 2],
    ["007", 8],
    ["100", 101],
  ])("%s is one try less than there are", (retries, tries) => {
    expect(patience({ ...NOTHING, retries })).toEqual({ retry: { tries } });
  });

  test.each(["", "-1", "101", "1.5", "many", "1e2", " 1"])("%j is refused", async (retries) => {
    const failure = await failureOf(() => patience({ ...NOTHING, retries }));
    expect(failure).toMatchObject({ code: "USAGE", message: expect.stringContaining("0 to 100") as string });
  });
});

describe("--timeout", () => {
  test.each([
    ["1", 1000],
    ["90", 90_000],
    ["90s", 90_000],
    ["5m", 300_000],
    ["24h", 86_400_000],
  ])("%s is %i ms", (timeout, silence) => {
    expect(patience({ ...NOTHING, timeout })).toEqual({ silence });
  });

  test.each(["", "0", "0m", "25h", "86401", "5 m", "5min", "1.5", "-1", "1m30s"])("%j is refused", async (timeout) => {
    const failure = await failureOf(() => patience({ ...NOTHING, timeout }));
    expect(failure).toMatchObject({ code: "USAGE", message: expect.stringContaining("24 hours") as string });
  });
});

describe("--min-quota", () => {
  test.each([
    ["10", { min: 10, whenLow: "stop" }],
    ["0:wait", { min: 0, whenLow: "wait" }],
  ])("%s", (text, quota) => {
    expect(minQuota(text)).toEqual({ quota });
  });

  test.each(["", "-1", "10:stop", "10:", ":wait", "1234567"])("%j is refused", async (text) => {
    expect(await failureOf(() => minQuota(text))).toMatchObject({ code: "USAGE" });
  });
});

describe("the command line", () => {
  let stage: Stage;
  let host: FakeHost;

  beforeEach(async () => {
    stage = await Stage.create();
    host = stage.host();
  });

  afterEach(async () => {
    await stage[Symbol.asyncDispose]();
  });

  async function runExport(...rest: readonly string[]): Promise<number> {
    return await host.run("export", "-o", stage.bundle, "--key", stage.privateKey, "--no-referrers", ...rest);
  }

  test("with --retries 0 asks once", async () => {
    stage.scene.near.restage({ unavailable: 9 });
    expect(await runExport(stage.tiny, "--retries", "0")).toBe(4);
    expect(stage.scene.near.requestLines()).toEqual(["HEAD /v2/library/tiny/manifests/2 503"]);
  });

  test("says what is wrong with an option before anything is asked", async () => {
    expect(await runExport(stage.tiny, "--timeout", "soon")).toBe(2);
    expect(await runExport(stage.tiny, "--min-quota", "few")).toBe(2);
    expect(await host.run("login", "127.0.0.1:1", "--retries", "many")).toBe(2);
    expect(stage.scene.near.requests).toEqual([]);
  });

  const limit = { limit: 100, windowSeconds: 21_600, source: "203.0.113.7" };

  test("says what is left of the pulls, for people and for programs", async () => {
    stage.scene.near.restage({ pullLimit: { ...limit, remaining: 77 } });
    expect(await runExport(stage.tiny)).toBe(0);
    const { host: registry } = stage.scene.near;
    expect(host.stdout.text).toContain(`  pulls      76 of 100 in 6 hours are left at ${registry} for 203.0.113.7\n`);
    host = stage.host();
    expect(await runExport(stage.tiny, "--json")).toBe(0);
    expect(host.json).toMatchObject({ result: { quotas: [{ registry, ...limit, remaining: 76 }] } });
  });

  test("says nothing of pulls where they are not counted", async () => {
    expect(await runExport(stage.tiny)).toBe(0);
    expect(host.stdout.text).not.toContain("pulls");
  });

  test("warns of pulls that run out, and stops before --min-quota is reached", async () => {
    stage.scene.near.restage({ pullLimit: { ...limit, remaining: 5 } });
    expect(await runExport(stage.tiny, "--min-quota", "5")).toBe(4);
    expect(host.stderr.text).toContain(`warning: ${stage.scene.near.host}: 5 of 100 pulls in 6 h are left`);
    expect(host.stderr.text).toContain("[PULL_LIMIT, exit code 4]");
    expect(stage.scene.near.requestLines()).toEqual(["HEAD /v2/library/tiny/manifests/2 200"]);
  });
});
