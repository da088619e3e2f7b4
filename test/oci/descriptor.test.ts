import { describe, expect, test } from "vitest";
import { descriptorSchema, digestOf, mediaTypeSchema, sizeSchema } from "../../src/oci/index.js";

const digest = digestOf(Buffer.from("x"));
const minimal = { mediaType: "application/octet-stream", digest, size: 1 };

function faults(value: unknown): string[] {
  const result = descriptorSchema.safeParse(value);
  return result.success ? [] : result.error.issues.map((issue) => issue.path.join("."));
}

describe("a descriptor", () => {
  test("keeps what Sealift knows, and drops the rest", () => {
    const platform = { os: "windows", architecture: "amd64", variant: "v2", "os.version": "10.0.1" };
    const known = { ...minimal, platform, artifactType: "a/b", annotations: { key: "value" } };
    const stated = {
      ...known,
      platform: { ...platform, "os.features": ["win32k"] },
      urls: ["https://x"],
      data: "eA==",
    };

    expect(descriptorSchema.parse(stated)).toEqual(known);
    expect(descriptorSchema.parse(JSON.parse(JSON.stringify(known)))).toEqual(known);
  });

  test("has no members for what is null or empty, as Go tools write it", () => {
    const stated = { ...minimal, platform: null, artifactType: "", annotations: null };
    expect(descriptorSchema.parse(stated)).toEqual(minimal);
    const platform = { os: "linux", architecture: "arm", variant: "", "os.version": "" };
    expect(descriptorSchema.parse({ ...minimal, platform }).platform).toEqual({ os: "linux", architecture: "arm" });
  });

  test("has all that is wrong named at once", () => {
    expect(faults({})).toEqual(["mediaType", "digest", "size"]);
    expect(faults({ ...minimal, size: "1", digest: "sha256:abc" })).toEqual(["digest", "size"]);
    expect(faults({ ...minimal, platform: { os: 1 } })).toEqual(["platform.os", "platform.architecture"]);
  });

  test.each([null, [], "x", 3])("is not %j", (value) => {
    expect(faults(value)).toEqual([""]);
  });

  test.each([[{ key: 1 }], [{ key: null }], [["x"]], ["x"], [{ a: "x", b: {} }]])(
    "with %j for annotations is refused with one fault",
    (annotations) => {
      expect(faults({ ...minimal, annotations })).toEqual(["annotations"]);
    },
  );

  test("with an annotation named __proto__ changes no prototype", () => {
    const annotations: unknown = JSON.parse('{"__proto__":"polluted","a":"b"}');
    const parsed = descriptorSchema.parse({ ...minimal, annotations });
    expect(Object.getPrototypeOf(parsed.annotations)).toBe(Object.prototype);
    expect(parsed.annotations?.["a"]).toBe("b");
  });
});

describe("a size", () => {
  test.each([0, 1, Number.MAX_SAFE_INTEGER])("may be %d", (size) => {
    expect(sizeSchema.safeParse(size).success).toBe(true);
  });

  test.each([-1, 0.5, 2 ** 53, 1e300, Number.NaN, Number.POSITIVE_INFINITY, "1", null, undefined, [1]])(
    "is never %j",
    (size) => {
      expect(sizeSchema.safeParse(size).success).toBe(false);
    },
  );
});

describe("a media type", () => {
  test.each([
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "text/plain",
    "a/b",
    `${"a".repeat(127)}/${"b".repeat(127)}`,
    "application/vnd.a!b#c$d&e^f_g.h+i-j",
  ])("may be %s", (mediaType) => {
    expect(mediaTypeSchema.safeParse(mediaType).success).toBe(true);
  });

  test.each([
    "",
    "application",
    "/json",
    "application/",
    "application/json; charset=utf-8",
    "application/json\n",
    "application/js on",
    "+a/b",
    "a/b/c",
    `${"a".repeat(128)}/b`,
    `a/${"b".repeat(128)}`,
    "application/ä",
    "*/*",
  ])("is never %j", (mediaType) => {
    expect(mediaTypeSchema.safeParse(mediaType).success).toBe(false);
  });
});
