import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LockDocument } from "../../src/image-lists/lock-document.js";
import { digestOf } from "../../src/oci/index.js";
import { parseImage } from "../../src/tags/index.js";

const [A, B] = [digestOf(Buffer.from("a")), digestOf(Buffer.from("b"))];

const TEXT = `{
  "lockVersion": 1,
  "images": {
    "docker.io/library/nginx:1.27": "${A}",
    "docker.io/library/nginx:1.27.1": "${A}",
    "ghcr.io/team/app:2": "${B}"
  },
  "patterns": {
    "docker.io/library/nginx:1.27.*@newest=2": [
      "1.27.1",
      "1.27.2"
    ]
  }
}
`;

function parse(text: string): LockDocument {
  return LockDocument.parse(Buffer.from(text), "sealift.lock");
}

function lock(members: object): string {
  return JSON.stringify({ lockVersion: 1, images: {}, patterns: {}, ...members });
}

describe("a lock", () => {
  test("says what it was told, in bytes that do not depend on the order", () => {
    const document = LockDocument.empty();
    document.lockImage("ghcr.io/team/app:2", B);
    document.lockTags("docker.io/library/nginx:1.27.*@newest=2", ["1.27.2", "1.27.1"]);
    document.lockImage("docker.io/library/nginx:1.27.1", A);
    document.lockImage("docker.io/library/nginx:1.27", A);
    expect(document.encode().toString()).toBe(TEXT);
    expect(parse(TEXT).encode().toString()).toBe(TEXT);
  });

  test("knows whole names only", () => {
    const document = parse(TEXT);
    expect(document.digestOf("docker.io/library/nginx:1.27")).toBe(A);
    expect(document.digestOf("nginx:1.27")).toBeUndefined();
    expect(document.tagsOf("docker.io/library/nginx:1.27.*@newest=2")).toEqual(["1.27.1", "1.27.2"]);
    expect(document.tagsOf("docker.io/library/nginx:1.27.*")).toBeUndefined();
  });

  test("tells what it lacks, each once", () => {
    const images = [
      ...["nginx:1.27", "index.docker.io/nginx:1.27", `redis@${A}`, `redis:7@${A}`],
      ...["nginx", "ghcr.io/team/app:3", "nginx:1.*", "nginx:1.27.*@newest=2", "nginx:1.27.2"],
    ];
    expect(parse(TEXT).missing(images.map(parseImage))).toEqual([
      "docker.io/library/nginx:latest",
      "ghcr.io/team/app:3",
      "docker.io/library/nginx:1.*",
      "docker.io/library/nginx:1.27.2",
    ]);
  });

  test("of any images comes back as it was", () => {
    const name = fc.stringMatching(/^[a-z]{1,5}:[A-Za-z0-9_]{1,5}$/).map((text) => `r.io/${text}`);
    fc.assert(
      fc.property(fc.array(name), (names) => {
        const document = LockDocument.empty();
        for (const image of names) document.lockImage(image, A);
        const bytes = document.encode();
        expect(LockDocument.parse(bytes, "x").encode()).toEqual(bytes);
        expect(Object.keys((JSON.parse(bytes.toString()) as { images: object }).images)).toHaveLength(
          new Set(names).size,
        );
      }),
    );
  });
});

describe("what is no lock", () => {
  test.each([
    ["nothing", "", "to be JSON, got nothing"],
    ["no JSON", "nginx:1.27", "to be JSON"],
    ["a list", "[]", "is not valid"],
    ["another version", lock({ lockVersion: 2 }), "to be of version 1, got 2"],
    ["another version, whatever it holds", '{"lockVersion":7}', "to be of version 1, got 7"],
    ["no version", "{}", "lockVersion"],
    ["no images", '{"lockVersion":1,"patterns":{}}', "images"],
    ["no digest", lock({ images: { "r.io/a:1": "latest" } }), '"images.r.io/a:1"'],
    ["a name without its registry", lock({ images: { "nginx:1.27": A } }), 'to have whole names, got "nginx:1.27"'],
    ["a name without a tag", lock({ images: { "r.io/a": A } }), 'to have whole names, got "r.io/a"'],
    ["a name with a digest", lock({ images: { [`r.io/a:1@${A}`]: A } }), "to have whole names"],
    ["no name", lock({ images: { "": A } }), 'to have whole names, got ""'],
    ["a pattern in the place of an image", lock({ images: { "r.io/a:1.*": A } }), "to have whole names"],
    ["an image in the place of a pattern", lock({ patterns: { "r.io/a:1": ["1"] } }), "to have whole names"],
    ["what is no tag", lock({ patterns: { "r.io/a:1.*": ["../1"] } }), "expected a tag"],
    ["too many tags", lock({ patterns: { "r.io/a:*": Array.from({ length: 1001 }, () => "1") } }), "too many tags"],
    [
      "an image twice",
      `{"lockVersion":1,"patterns":{},"images":{"r.io/a:1":"${A}","r.io/a:1":"${B}"}}`,
      "once, got one twice",
    ],
    ["members that differ in case", `{"lockVersion":1,"patterns":{},"images":{},"Images":{}}`, "other tools take for"],
  ])("%s", (_what, text, message) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }) as Error);
    expect(() => parse(text)).toThrow("sealift.lock");
    expect(() => parse(text)).toThrow(expect.objectContaining({ hint: expect.any(String) as string }) as Error);
  });

  test("says what to do about it", () => {
    const hint = "name another file; or, if this was a lock file, mend it, or delete it to have a new one made";
    expect(() => parse("oci-layout\0\0")).toThrow(expect.objectContaining({ hint }) as Error);
    expect(() => parse("{}")).toThrow(expect.objectContaining({ hint }) as Error);
  });

  test("any bytes at all are CONFIG_INVALID", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(() => LockDocument.parse(bytes, "x")).toThrow(
          expect.objectContaining({ code: "CONFIG_INVALID" }) as Error,
        );
      }),
    );
  });
});
