import { describe, expect, test } from "vitest";
import { digestOf, isAmbiguousJson, parseImageConfig } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";

const diffIds = [digestOf(Buffer.from("1")), digestOf(Buffer.from("2"))];
const config = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: diffIds } };

function parse(value: unknown): ReturnType<typeof parseImageConfig> {
  const bytes = Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  return parseImageConfig(bytes, digestOf(bytes));
}

describe("an image config", () => {
  test("states a platform and the diffIDs in their order", () => {
    expect(parse({ ...config, history: [{}], config: { Cmd: ["sh"] } })).toEqual({
      platform: { os: "linux", architecture: "amd64" },
      diffIds,
    });
  });

  test("may state variant and OS version; empty or null ones are none", () => {
    expect(parse({ ...config, variant: "v8", "os.version": "10.0.1" }).platform).toEqual({
      os: "linux",
      architecture: "amd64",
      variant: "v8",
      "os.version": "10.0.1",
    });
    expect(parse({ ...config, variant: "", "os.version": null }).platform).toEqual({
      os: "linux",
      architecture: "amd64",
    });
  });

  test.each([[[]], [null]])("of an image without layers has %j for diffIDs", (diff_ids) => {
    expect(parse({ ...config, rootfs: { type: "layers", diff_ids } }).diffIds).toEqual([]);
  });

  test.each([
    ["no JSON", "config"],
    ["an array", []],
    ["no platform", { rootfs: config.rootfs }],
    ["an empty platform", { ...config, os: "", architecture: "" }],
    ["no rootfs", { os: "linux", architecture: "amd64" }],
    ["another rootfs", { ...config, rootfs: { type: "layers+base", diff_ids: [] } }],
    ["no diffIDs", { ...config, rootfs: { type: "layers" } }],
    ["a diffID that is none", { ...config, rootfs: { type: "layers", diff_ids: ["sha256:abc"] } }],
  ])("with %s is refused by its digest", async (_name, value) => {
    const error = await failureOf(() => parse(value));
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.message).toMatch(/image config sha256:[0-9a-f]{64}/);
    expect(isAmbiguousJson(error)).toBe(false);
  });

  test("may have labels, environments and commands of any name", () => {
    const Labels = { Maintainer: "a", maintainer: "b", os: "c", OS: "d" };
    const history = [{ created_by: "x", Created_By: "y" }];
    expect(parse({ ...config, config: { Labels, labels: {} }, history }).diffIds).toEqual(diffIds);
  });

  // Runtimes are written in Go, whose encoding/json takes these for one member.
  test.each([
    ["diffIDs", { ...config, rootfs: { ...config.rootfs, Diff_IDs: [] } }],
    ["a rootfs", { ...config, RootFS: { type: "layers", diff_ids: [] } }],
    ["a system", { ...config, OS: "windows" }],
    ["a system, and no other", { ...config, os: undefined, Os: "windows" }],
    ["a variant, and no other", { ...config, Variant: "v7" }],
    ["a system in one spelling", JSON.stringify(config).replace("{", '{"os":"windows",')],
    ["labels in one spelling", JSON.stringify(config).replace("{", '{"config":{"Labels":{"a":"1","a":"2"}},')],
  ])("with %s for other readers only is refused, and not taken for no config", async (_name, value) => {
    const error = await failureOf(() => parse(value));
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(isAmbiguousJson(error)).toBe(true);
  });

  test("full of wrong diffIDs has only the first one named, soon", async () => {
    // As many items as are parsed at all.
    const many = "0,".repeat(1_199_000);
    const text = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[${many}0]}}`;
    const { message } = await failureOf(() => parse(text));
    expect(message).toMatch(/"rootfs\.diff_ids\.0": expected a sha256 or sha512 digest$/);
  });
});
