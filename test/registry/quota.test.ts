import { describe, expect, test } from "vitest";
import type { OperationEvent } from "../../src/ports/index.js";
import type { RegistryClientOptions, RegistryRepository } from "../../src/registry/index.js";
import type { PullLimit, Quirks } from "../../src/registry-server/index.js";
import { failureOf } from "../support/errors.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import { containing, LAYER, MANIFEST } from "./fixture.js";
import { client, given as givenBy, registry } from "./stage.js";

let waits: number[];
let events: OperationEvent[];

async function given(quirks: Quirks, options: RegistryClientOptions = {}): Promise<RegistryRepository> {
  waits = [];
  events = [];
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
  return await givenBy(quirks, { retry: { sleep }, onEvent: (event) => void events.push(event), ...options });
}

const HUB = { limit: 100, windowSeconds: 21_600, source: "203.0.113.7" };

async function pull(app: RegistryRepository): Promise<void> {
  await app.fetchManifest(await app.resolve({ registry: registry.host, repository: "app", tag: "1" }));
}

/** All requests as `METHOD status`. */
function requests(): string[] {
  return registry.requests.map(({ method, status }) => `${method} ${status}`);
}

function warnings(): string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.text] : []));
}

describe("pulls that a registry counts", () => {
  test("are known from any answer about a manifest", async () => {
    const app = await given({ pullLimit: { ...HUB, remaining: 76 } });
    expect(client.pullQuotas).toEqual([]);
    await app.resolve({ registry: registry.host, repository: "app", tag: "1" });
    expect(client.pullQuotas).toEqual([{ registry: registry.host, ...HUB, remaining: 76 }]);
    await pull(app);
    await fetchBytes(app, LAYER.descriptor);
    expect(client.pullQuotas[0]).toMatchObject({ remaining: 75 });
    expect(warnings()).toEqual([]);
  });

  test("that run out are warned of once", async () => {
    const app = await given({ pullLimit: { ...HUB, remaining: 11 } });
    for (let times = 0; times < 3; times += 1) await pull(app);
    expect(warnings()).toEqual([
      `${registry.host}: 10 of 100 pulls in 6 h are left for 203.0.113.7; more pulls are allowed after at most 6 h; log in for a higher limit (sealift login ${registry.host}), or pull through a mirror`,
    ]);
  });

  test.each<[string, Record<string, string>]>([
    ["nothing, where there is no limit", {}],
    ["requests within a minute, as GitLab does", { "ratelimit-limit": "600", "ratelimit-remaining": "1" }],
    ["noise", { "ratelimit-limit": "many;w=long", "ratelimit-remaining": "-1;w=21600" }],
    ["half of it", { "ratelimit-limit": "100;w=21600" }],
    ["numbers without an end", { "ratelimit-limit": `${"9".repeat(400)};w=1`, "ratelimit-remaining": "0;w=1" }],
  ])("are not what answers state: %s", async (_what, headers) => {
    const app = await given({ headers }, { quota: { min: 10, whenLow: "stop" } });
    await pull(app);
    expect(client.pullQuotas).toEqual([]);
  });
});

describe("--min-quota", () => {
  test("lets a pull through that leaves as many as it says, and none that would leave fewer", async () => {
    const app = await given({ pullLimit: { ...HUB, remaining: 11 } }, { quota: { min: 10, whenLow: "stop" } });
    await pull(app);
    const failure = await failureOf(() => pull(app));
    expect(failure).toMatchObject({
      code: "PULL_LIMIT",
      exitCode: 4,
      message: `expected manifest ${MANIFEST.descriptor.digest} of ${registry.host}/app and 10 pulls left after it, got ${registry.host}: 10 of 100 pulls in 6 h are left for 203.0.113.7`,
      hint: containing("--min-quota 10:wait"),
    });
    expect(requests()).toEqual(["HEAD 200", "GET 200", "HEAD 200"]);
    expect(waits).toEqual([]);
  });

  test("counts pulls that are under way", async () => {
    const app = await given({ pullLimit: { ...HUB, remaining: 12 } }, { quota: { min: 10, whenLow: "stop" } });
    const descriptor = await app.resolve({ registry: registry.host, repository: "app", tag: "1" });
    const pulls = await Promise.allSettled([1, 2, 3, 4].map(async () => await app.fetchManifest(descriptor)));
    expect(pulls.map(({ status }) => status).sort()).toEqual(["fulfilled", "fulfilled", "rejected", "rejected"]);
    expect(requests().filter((line) => line.startsWith("GET"))).toHaveLength(2);
  });

  test("with :wait looks every ten minutes, without a pull, until there are more", async () => {
    const limit: PullLimit = { ...HUB, remaining: 10 };
    const app = await given({ pullLimit: limit }, { quota: { min: 10, whenLow: "wait" } });
    const descriptor = await app.resolve({ registry: registry.host, repository: "app", tag: "1" });
    const before = (state: PullLimit): void => {
      if (registry.requests.length === 3) state.remaining = 100;
    };
    registry.restage({ pullLimit: { ...limit, before } });
    await Promise.all([app.fetchManifest(descriptor), app.fetchManifest(descriptor)]);
    expect(requests().filter((line) => line.startsWith("GET"))).toHaveLength(2);
    expect(requests().slice(0, 2)).toEqual(["HEAD 200", "HEAD 200"]);
    expect(new Set(waits)).toEqual(new Set([600_000]));
    const told = warnings().filter((text) => text.includes("waiting"));
    expect(told).toEqual([
      `${registry.host}: 10 of 100 pulls in 6 h are left for 203.0.113.7, and 10 are to stay: waiting for more, 6 h at most`,
    ]);
  });

  test.each([
    ["the window that the registry states", 21_600, 36],
    ["a day, whatever it states", 999_999_999, 144],
  ])("with :wait is given up after %s", async (_what, windowSeconds, times) => {
    const app = await given(
      { pullLimit: { ...HUB, windowSeconds, remaining: 3 } },
      { quota: { min: 10, whenLow: "wait" } },
    );
    const failure = await failureOf(() => pull(app));
    expect(failure.code).toBe("PULL_LIMIT");
    expect(failure.hint).not.toContain(":wait");
    expect(waits).toHaveLength(times);
    expect(requests().every((line) => line === "HEAD 200")).toBe(true);
  });

  test("with :wait ends at once with the signal", async () => {
    const stop = new AbortController();
    const sleep = async (_milliseconds: number, signal?: AbortSignal): Promise<void> => {
      stop.abort(new Error("stop"));
      signal?.throwIfAborted();
    };
    const app = await given(
      { pullLimit: { ...HUB, remaining: 3 } },
      { quota: { min: 10, whenLow: "wait" }, retry: { sleep } },
    );
    const descriptor = await app.resolve({ registry: registry.host, repository: "app", tag: "1" });
    await expect(app.fetchManifest(descriptor, { signal: stop.signal })).rejects.toThrow("stop");
    expect(requests()).toEqual(["HEAD 200"]);
  });
});

describe("the two kinds of 429", () => {
  test("all pulls used up: no wait helps, and the error says when, and what to do", async () => {
    const app = await given({ pullLimit: { ...HUB, remaining: 0 } });
    const failure = await failureOf(() => app.fetchManifest(MANIFEST.descriptor));
    expect(failure).toMatchObject({
      code: "PULL_LIMIT",
      message: containing("You have reached your pull rate limit"),
      hint: containing("after at most 6 h; log in for a higher limit (sealift login"),
    });
    expect(requests()).toEqual(["GET 429"]);
    expect(waits).toEqual([]);
  });

  test("too many requests at a time: a wait helps", async () => {
    const app = await given({ rateLimited: { times: 2, retryAfter: "" } });
    await app.fetchManifest(MANIFEST.descriptor);
    expect(requests()).toEqual(["GET 429", "GET 429", "GET 200"]);
  });

  test("of HEAD, which has no words, are told apart by the headers", async () => {
    const app = await given({
      headers: { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600" },
      rateLimited: { times: 9, retryAfter: "" },
    });
    const failure = await failureOf(() => pull(app));
    expect(failure.code).toBe("PULL_LIMIT");
    expect(requests()).toEqual(["HEAD 429"]);
  });
});
