import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSealiftError } from "../../src/errors/index.js";
import { digestOf, MAX_MANIFEST_SIZE, MEDIA_TYPE, parseManifest } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";

const digest = digestOf(Buffer.from("x"));
const config = { mediaType: MEDIA_TYPE.ociConfig, digest, size: 2 };
const layer = { mediaType: MEDIA_TYPE.ociLayerGzip, digest, size: 10 };
const child = { mediaType: MEDIA_TYPE.ociManifest, digest, size: 3, platform: { os: "linux", architecture: "amd64" } };

const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociManifest, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [child] };

/** Parses a document that a registry sent under a media type. */
function parse(document: unknown, mediaType: string): ReturnType<typeof parseManifest> {
  const bytes = Buffer.isBuffer(document)
    ? document
    : Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
  return parseManifest({ descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes });
}

describe("a manifest", () => {
  test.each([MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerManifest])("of %s has a config and layers", (mediaType) => {
    expect(parse({ ...manifest, mediaType, annotations: {}, subject: null }, mediaType)).toEqual({
      kind: "manifest",
      config,
      layers: [layer],
    });
  });

  test.each([MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerManifestList])("list of %s has manifests", (mediaType) => {
    expect(parse({ ...index, mediaType }, mediaType)).toEqual({ kind: "index", manifests: [child] });
  });

  test.each([undefined, null, ""])("may leave out its media type, or have %j for it", (mediaType) => {
    expect(parse({ ...manifest, mediaType }, MEDIA_TYPE.ociManifest).kind).toBe("manifest");
    expect(parse({ ...index, mediaType }, MEDIA_TYPE.ociIndex).kind).toBe("index");
  });

  test("may have null for an empty list, as Go writes it", () => {
    expect(parse({ ...manifest, layers: null }, MEDIA_TYPE.ociManifest)).toMatchObject({ layers: [] });
    expect(parse({ ...index, manifests: null }, MEDIA_TYPE.ociIndex)).toMatchObject({ manifests: [] });
  });

  test("may have annotations that differ in case only", () => {
    const annotations = { Maintainer: "a", maintainer: "b", "org.x/layers": "c", "org.x/Layers": "d" };
    const labelled = { ...manifest, config: { ...config, annotations }, annotations };
    expect(parse(labelled, MEDIA_TYPE.ociManifest)).toMatchObject({ config: { annotations } });
  });
});

describe("Docker schema 1", () => {
  const schema1 = { schemaVersion: 1, name: "library/x", tag: "1", fsLayers: [{ blobSum: digest }], history: [] };

  test.each([
    ["by its media type", schema1, "application/vnd.docker.distribution.manifest.v1+json"],
    ["signed", schema1, "application/vnd.docker.distribution.manifest.v1+prettyjws"],
    ["behind another media type", schema1, MEDIA_TYPE.dockerManifest],
    ["hidden in schema 2", { ...manifest, fsLayers: [] }, MEDIA_TYPE.ociManifest],
    ["by its version alone", { ...manifest, schemaVersion: 1 }, MEDIA_TYPE.ociManifest],
  ])("%s is refused with what to do", async (_name, document, mediaType) => {
    const error = await failureOf(() => parse(document, mediaType));
    expect(error.code).toBe("UNSUPPORTED_MANIFEST");
    expect(error.message).toContain("schema 1");
    expect(error.hint).toContain("push the image again");
  });
});

describe("a document that two readers would read as two images (CVE-2021-41190)", () => {
  test.each([
    ["an index with layers", { ...index, layers: [layer] }, MEDIA_TYPE.ociIndex],
    ["an index with a config", { ...index, config }, MEDIA_TYPE.ociIndex],
    ["a manifest with manifests", { ...manifest, manifests: [child] }, MEDIA_TYPE.ociManifest],
    ["a manifest with an empty list of manifests", { ...manifest, manifests: [] }, MEDIA_TYPE.ociManifest],
    ["both, without a media type", { ...manifest, ...index, mediaType: undefined }, MEDIA_TYPE.ociIndex],
  ])("is refused: %s", async (_name, document, mediaType) => {
    const error = await failureOf(() => parse(document, mediaType));
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.message).toMatch(/expected manifest sha256:\w+ to be an index or a manifest, got both/);
  });

  test.each([
    [MEDIA_TYPE.ociManifest, MEDIA_TYPE.ociIndex],
    [MEDIA_TYPE.ociIndex, MEDIA_TYPE.ociManifest],
    [MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerManifest],
    ["application/vnd.example+json", MEDIA_TYPE.ociManifest],
  ])("is refused: it states %s and was sent as %s", async (stated, sent) => {
    const document = stated === MEDIA_TYPE.ociIndex ? index : { ...manifest, mediaType: stated };
    const error = await failureOf(() => parse(document, sent));
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.message).toContain(`to state media type "${sent}", got "${stated}"`);
  });
});

// What Go's encoding/json takes for one member is two to JSON.parse: Go's tools would see another image.
describe("a document with a member twice", () => {
  /** The text of a document, with more members put before the ones that it has. */
  function withMore(document: object, members: string): string {
    return JSON.stringify(document).replace("{", `{${members},`);
  }
  const evil = JSON.stringify([{ ...layer, size: 11 }]);

  test.each([
    ["layers in one spelling", withMore(manifest, `"layers":${evil}`), MEDIA_TYPE.ociManifest],
    ["a config in one spelling", withMore(manifest, '"config":{"mediaType":"a/b"}'), MEDIA_TYPE.ociManifest],
    ["layers in two spellings", withMore(manifest, `"Layers":${evil}`), MEDIA_TYPE.ociManifest],
    ["layers with a long s", withMore(manifest, `"layer\u017f":${evil}`), MEDIA_TYPE.ociManifest],
    ["layers with an escape", withMore(manifest, `"\\u004cayers":${evil}`), MEDIA_TYPE.ociManifest],
    ["only the layers that Go sees", { ...manifest, layers: null, Layers: [layer] }, MEDIA_TYPE.ociManifest],
    ["layers that only Go sees in an index", { ...index, Layers: [layer] }, MEDIA_TYPE.ociIndex],
    ["manifests that only Go sees in a manifest", { ...manifest, Manifests: [child] }, MEDIA_TYPE.ociManifest],
    ["a media type that only Go sees", { ...index, MediaType: MEDIA_TYPE.ociManifest }, MEDIA_TYPE.ociIndex],
    ["schema 1 that only Go sees", { ...manifest, FSLayers: [] }, MEDIA_TYPE.ociManifest],
    ["a version that only Go sees", { ...manifest, SchemaVersion: 1 }, MEDIA_TYPE.ociManifest],
    ["a subject in two spellings", { ...manifest, subject: null, Subject: child }, MEDIA_TYPE.ociManifest],
    ["a digest in a layer", { ...manifest, layers: [layer, { ...layer, Digest: digest }] }, MEDIA_TYPE.ociManifest],
    ["a size in the config", { ...manifest, config: { ...config, SIZE: 3 } }, MEDIA_TYPE.ociManifest],
    ["urls in a layer", { ...manifest, layers: [{ ...layer, urls: [], Urls: ["x:"] }] }, MEDIA_TYPE.ociManifest],
    [
      "an architecture in a platform",
      { ...index, manifests: [{ ...child, platform: { ...child.platform, Architecture: "arm64" } }] },
      MEDIA_TYPE.ociIndex,
    ],
  ])("is refused: %s", async (_name, document, mediaType) => {
    const error = await failureOf(() => parse(document, mediaType));
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.message).toMatch(/manifest sha256:\w+ .*(each member of an object once|that other tools take for)/);
  });

  test("is refused wherever in it the case of one member's name was changed", () => {
    const names = ["schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size", "platform", "os"];
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), fc.boolean(), (name, at, keep) => {
        const flipped = Array.from(name, (letter, position) =>
          position === at % name.length ? flip(letter) : letter,
        ).join("");
        const text = JSON.stringify(name === "layers" || name === "config" ? manifest : index);
        const other = text.replace(new RegExp(`"${name}":`), keep ? `"${flipped}":0,"${name}":` : `"${flipped}":`);
        const mediaType = text.includes("layers") ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.ociIndex;
        expect(() => parse(text, mediaType)).not.toThrow();
        expect(() => parse(other, mediaType)).toThrow("that other tools take for");
      }),
    );
    function flip(letter: string): string {
      return letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase();
    }
  });
});

describe("what is no manifest", () => {
  test.each(["application/json", "text/html", MEDIA_TYPE.ociConfig, "", "application/vnd.docker.plugin.v1+json"])(
    "by its media type, %j, is refused",
    async (mediaType) => {
      const error = await failureOf(() => parse(manifest, mediaType));
      expect(error.code).toBe("UNSUPPORTED_MANIFEST");
      expect(error.message).toContain("expected manifest sha256:");
    },
  );

  test.each<[string, unknown]>([
    ["nothing", ""],
    ["a web page", "<!doctype html><title>Log in</title>"],
    ["an array", [manifest]],
    ["a string", '"manifest"'],
    ["a byte order mark before it", `\ufeff${JSON.stringify(manifest)}`],
    ["bytes that are not UTF-8", Buffer.from(JSON.stringify({ ...manifest, x: "\xff" }), "latin1")],
    ["a cut", JSON.stringify(manifest).slice(0, -1)],
    ["no version", { ...manifest, schemaVersion: undefined }],
    ["a version in text", { ...manifest, schemaVersion: "2" }],
    ["another version", { ...manifest, schemaVersion: 3 }],
    ["no config", { ...manifest, config: undefined }],
    ["no layers", { ...manifest, layers: undefined }],
    ["layers that are an object", { ...manifest, layers: { 0: layer } }],
    ["a layer of negative size", { ...manifest, layers: [{ ...layer, size: -1 }] }],
    ["a layer of half a byte", { ...manifest, layers: [{ ...layer, size: 0.5 }] }],
    ["a layer larger than a double can count", { ...manifest, layers: [{ ...layer, size: 2 ** 53 }] }],
    ["a layer whose digest is a path", { ...manifest, layers: [{ ...layer, digest: "../../etc/passwd" }] }],
    ["a layer without a media type", { ...manifest, layers: [{ digest, size: 1 }] }],
    ["members from __proto__ only", `{"__proto__":${JSON.stringify(manifest)}}`],
    ["nesting that exhausts a stack", `{"schemaVersion":2,"config":${"[".repeat(500_000)}`],
  ])("by its content, %s, is refused in one line", async (_name, document) => {
    const error = await failureOf(() => parse(document, MEDIA_TYPE.ociManifest));
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.message).toMatch(/manifest sha256:[0-9a-f]{64}/);
    expect(error.message.length).toBeLessThan(600);
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
  });

  test("in 4 MiB of bad children is refused, soon", async () => {
    const many = "{},".repeat(MAX_MANIFEST_SIZE / 3 - 20);
    const error = await failureOf(() => parse(`{"schemaVersion":2,"manifests":[${many}{}]}`, MEDIA_TYPE.ociIndex));
    expect(error.message).toContain("more than 400000 objects");
  });

  test.each(["manifests", "layers"])("with more %s than memory should hold is refused", async (member) => {
    const many = Array.from({ length: 10_001 }, () => config);
    const text = JSON.stringify({ schemaVersion: 2, ...(member === "layers" ? { config } : {}), [member]: many });
    const type = member === "layers" ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.ociIndex;
    expect((await failureOf(() => parse(text, type))).message).toContain("at most 10000 descriptors, got 10001");
  });

  test("in thousands of bad children has only the first one named", async () => {
    const many = "{},".repeat(9000);
    const error = await failureOf(() => parse(`{"schemaVersion":2,"manifests":[${many}{}]}`, MEDIA_TYPE.ociIndex));
    expect(error.message).toContain('"manifests.0.digest"');
    expect(error.message).not.toMatch(/manifests\.1|more/);
  });

  test("in 4 MiB of bad annotations is refused, soon", async () => {
    const entries = Array.from({ length: 300_000 }, (_, at) => `"${at}":0`).join();
    const text = JSON.stringify({ ...manifest, config: { ...config, annotations: "HERE" } }).replace(
      '"HERE"',
      `{${entries}}`,
    );
    expect((await failureOf(() => parse(text, MEDIA_TYPE.ociManifest))).message).toMatch(
      /"config\.annotations": [^;]*$/,
    );
  });

  test("of any JSON is refused or read, never anything else", () => {
    const member = fc.constantFrom("schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers");
    const document = fc.dictionary(member, fc.oneof(fc.jsonValue(), fc.constantFrom(2, config, [layer], [child])));
    const mediaType = fc.constantFrom(MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerManifest);
    fc.assert(
      fc.property(document, mediaType, (value, sentAs) => {
        try {
          const parsed = parse(value, sentAs);
          expect(parsed.kind).toBe(sentAs === MEDIA_TYPE.ociIndex ? "index" : "manifest");
        } catch (error) {
          expect(isSealiftError(error, "MANIFEST_INVALID", "UNSUPPORTED_MANIFEST")).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
