import { describe, expect, test } from "vitest";
import { encodeInventory, MAX_INVENTORY_SIZE, parseInventory } from "../../../src/bundle/format/index.js";
import { digestOf } from "../../../src/oci/index.js";
import { failureOf } from "../../support/errors.js";
import { INVENTORY } from "./sample.js";

const GOOD = { formatVersion: 1, ...INVENTORY };
const blob = { digest: digestOf(Buffer.from("a")), size: 1 };

function parse(value: unknown) {
  return parseInventory(Buffer.from(JSON.stringify(value)), 'the inventory "i.json"');
}

describe("an inventory", () => {
  test("is read as it was written", () => {
    expect(parseInventory(encodeInventory(INVENTORY), "it")).toEqual(GOOD);
  });

  test("of more blobs than an index may have entries is read", () => {
    const blobs = Array.from({ length: 450_000 }, () => blob);
    const many = { ...INVENTORY, repositories: [{ name: "a", blobs }] };
    expect(parseInventory(encodeInventory(many), "it").repositories[0]?.blobs).toHaveLength(450_000);
  });

  test("that could not be read again is not written", async () => {
    const long = { name: "a/".repeat(100), blobs: Array.from({ length: 1000 }, () => blob) };
    const repositories = Array.from({ length: 1200 }, () => long);
    const failure = await failureOf(() => encodeInventory({ ...INVENTORY, repositories }));
    expect(failure).toMatchObject({ code: "USAGE" });
    expect(failure.message).toContain(`at most ${MAX_INVENTORY_SIZE} bytes`);
  });

  test.each<[string, unknown]>([
    ["no object", []],
    ["another version", { ...GOOD, formatVersion: 2 }],
    ["another member", { ...GOOD, more: 1 }],
    ["a registry with a path", { ...GOOD, registry: "r.io/a" }],
    ["a registry that is none", { ...GOOD, registry: "" }],
    ["no time", { ...GOOD, created: "yesterday" }],
    ["a repository that climbs out", { ...GOOD, repositories: [{ name: "../a", blobs: [] }] }],
    ["a repository with a host", { ...GOOD, repositories: [{ name: "evil.com:443/a", blobs: [] }] }],
    ["a digest that is none", { ...GOOD, repositories: [{ name: "a", blobs: [{ digest: "sha256:x", size: 1 }] }] }],
    ["a size below zero", { ...GOOD, repositories: [{ name: "a", blobs: [{ ...blob, size: -1 }] }] }],
  ])("with %s is refused by its name", async (_what, value) => {
    const failure = await failureOf(() => parse(value));
    expect(failure).toMatchObject({ code: "CONFIG_INVALID", exitCode: 2 });
    expect(failure.message).toContain('the inventory "i.json"');
  });
});
