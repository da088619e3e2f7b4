import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BundleEntry,
  type BundleIndex,
  type BundleReferrer,
  blobPath,
  encodeBundleIndex,
  parseBundleIndex,
  referrerKey,
} from "../../../src/bundle/format/index.js";
import { isSealiftError } from "../../../src/errors/index.js";
import { attachmentTags, type Descriptor, digestOf } from "../../../src/oci/index.js";
import { failureOf } from "../../support/errors.js";
import { INDEX, REFERRERS } from "./sample.js";

const text = fc.string({ minLength: 1, maxLength: 20 });
const size = fc.maxSafeNat();
const digest = fc
  .tuple(fc.uint8Array(), fc.constantFrom("sha256", "sha512"))
  .map(([bytes, algorithm]) => digestOf(bytes, algorithm));
const descriptor: fc.Arbitrary<Descriptor> = fc.record(
  {
    mediaType: fc.constantFrom("application/vnd.oci.image.manifest.v1+json", "a/b"),
    digest,
    size,
    platform: fc.record(
      { os: text, architecture: text, variant: text, "os.version": text },
      { requiredKeys: ["os", "architecture"] },
    ),
    artifactType: text,
    annotations: fc.dictionary(text, fc.string()),
  },
  { requiredKeys: ["mediaType", "digest", "size"] },
);
const referrers: fc.Arbitrary<BundleReferrer[]> = fc.uniqueArray(
  fc.record({ descriptor, subject: digest, suffix: fc.option(fc.nat(2)) }).map(({ suffix, ...referrer }) => {
    const tag = suffix === null ? undefined : attachmentTags(referrer.subject)[suffix];
    return tag === undefined ? referrer : { ...referrer, tag };
  }),
  { selector: referrerKey, maxLength: 3 },
);
const index: fc.Arbitrary<BundleIndex> = fc
  .record({
    formatVersion: fc.constant(1 as const),
    identity: fc.record({
      stream: text,
      serial: size,
      created: fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-12-31") })
        .map((date) => date.toISOString()),
      previous: fc.option(digest),
    }),
    keyId: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("base64")),
    images: fc.uniqueArray(
      fc.record(
        {
          name: fc.nat().map((number) => `docker.io/library/app:${number}`),
          requested: text,
          source: text,
          root: descriptor,
          platforms: fc.array(text),
          omitted: fc.array(
            fc.record({ descriptor, reason: fc.constantFrom("platform" as const, "foreign-layer" as const) }),
          ),
          referrers,
        },
        { requiredKeys: ["name", "requested", "source", "root", "platforms", "omitted"] },
      ),
      { selector: ({ name }) => name, minLength: 1, maxLength: 3 },
    ),
    blobs: fc.uniqueArray(fc.record({ digest, size }), { selector: (blob) => blob.digest, maxLength: 5 }),
  })
  .map(({ blobs, ...rest }) => ({
    ...rest,
    entries: [...INDEX.entries.slice(0, 3), ...blobs.map((blob) => ({ path: blobPath(blob.digest), ...blob }))],
  }));

/** The bytes of an index that differs from a good one. */
function changed(change: object): Buffer {
  return Buffer.from(JSON.stringify({ ...INDEX, ...change }));
}

/** The bytes of an index whose image has these referrers. */
function withReferrers(...items: readonly object[]): Buffer {
  return changed({ images: [{ ...INDEX.images[0], referrers: items }] });
}

/** The bytes of a good index, with more members before the ones that it has. */
function withMore(members: string): Buffer {
  return Buffer.from(JSON.stringify(INDEX).replace("{", `{${members},`));
}

function withEntry(at: number, change: Partial<Record<keyof BundleEntry | "mode", unknown>>): Buffer {
  return changed({
    entries: INDEX.entries.map((entry, position) => (position === at ? { ...entry, ...change } : entry)),
  });
}

const other = digestOf(Buffer.from("another blob"));
const blob = INDEX.entries[3]!;
const signature = REFERRERS[0]!;

describe("a signed index", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(index, (written) => {
        expect(parseBundleIndex(encodeBundleIndex(written))).toEqual(written);
      }),
    );
  });

  test("that is read and written again is the same bytes", () => {
    const bytes = encodeBundleIndex(INDEX);
    expect(encodeBundleIndex(parseBundleIndex(bytes))).toEqual(bytes);
  });

  test("states platforms by OCI's names", () => {
    expect(String(encodeBundleIndex(INDEX))).toContain('"os.version": "10.0.20348.1"');
  });

  test("may hold no blobs", () => {
    expect(parseBundleIndex(changed({ entries: INDEX.entries.slice(0, 3) })).entries).toHaveLength(3);
  });
});

describe("a hostile index", () => {
  test.each<[string, Buffer, RegExp]>([
    [
      "entries twice, of which Go may take others",
      withMore('"entries":[]'),
      /each member of an object once, got one twice/,
    ],
    [
      "a stream of megabytes",
      changed({ identity: { ...INDEX.identity, stream: "x".repeat(256) } }),
      /"identity\.stream"/,
    ],
    [
      "a time of megabytes",
      changed({ identity: { ...INDEX.identity, created: `2023-11-14T22:13:20.${"0".repeat(100)}Z` } }),
      /"identity\.created"/,
    ],
    ["a key id of megabytes", changed({ keyId: "AAAA".repeat(26) }), /"keyId"/],
    [
      "a source of megabytes",
      changed({ images: [{ ...INDEX.images[0], source: "x".repeat(1025) }] }),
      /"images\.0\.source"/,
    ],
    ["entries that only Go sees", withMore('"Entries":[]'), /"Entries"/],
    [
      "a root that is another one to Go",
      changed({ images: [{ ...INDEX.images[0], root: { ...INDEX.images[0]?.root, Digest: blob.digest } }] }),
      /"images\.0\.root": expected no member that other tools take for "digest", got "Digest"/,
    ],
    ["a path that leads out", withEntry(3, { path: "../../etc/passwd" }), /entry 3 .* got "\.\.\/\.\.\/etc\/passwd"/],
    ["a path that leads out below blobs", withEntry(3, { path: `blobs/sha256/../${"a".repeat(64)}` }), /entry 3/],
    ["an absolute path", withEntry(3, { path: `/${blob.path}` }), /entry 3/],
    ["a path with ./ before it", withEntry(3, { path: `./${blob.path}` }), /entry 3/],
    ["a path with a NUL after it", withEntry(3, { path: `${blob.path}\0` }), /entry 3/],
    ["a path in capitals", withEntry(3, { path: blob.path.toUpperCase() }), /entry 3/],
    ["an empty path", withEntry(3, { path: "" }), /entry 3/],
    ["the path of another blob", withEntry(3, { path: blobPath(other) }), /entry 3/],
    ["a path that drives the terminal", withEntry(3, { path: "\u001b[2J" }), /got "\\u001b\[2J"/],
    ["a path of a megabyte", withEntry(3, { path: "a".repeat(1_000_000) }), /entry 3/],
    ["a digest that is none", withEntry(3, { digest: "sha256:../../x" }), /"entries\.3\.digest"/],
    ["a digest of an unknown kind", withEntry(3, { digest: `md5:${"a".repeat(32)}` }), /"entries\.3\.digest"/],
    ["a negative size", withEntry(3, { size: -1 }), /"entries\.3\.size"/],
    ["half a byte", withEntry(3, { size: 0.5 }), /"entries\.3\.size"/],
    ["a size of 2^53", withEntry(3, { size: 2 ** 53 }), /"entries\.3\.size"/],
    ["a size in text", withEntry(3, { size: "1" }), /"entries\.3\.size"/],
    ["an unknown member in an entry", withEntry(3, { mode: 0o4755 }), /"entries\.3": .*"mode"/],
    ["the same blob twice", changed({ entries: [...INDEX.entries, blob] }), /each entry once, got blobs\/sha256\//],
    ["oci-layout twice", changed({ entries: [...INDEX.entries, INDEX.entries[0]] }), /entry 7/],
    ["a blob before oci-layout", changed({ entries: [blob, ...INDEX.entries] }), /entry 0 .* to be oci-layout/],
    ["manifest.json before index.json", changed({ entries: [0, 2, 1].map((at) => INDEX.entries[at]) }), /entry 1/],
    ["no manifest.json", changed({ entries: INDEX.entries.slice(0, 2) }), /entry 2 .* manifest\.json, got "the end/],
    ["no entries", changed({ entries: [] }), /entry 0/],
    ["entries that are an object", changed({ entries: { 0: INDEX.entries[0] } }), /"entries"/],
    ["an unknown member", changed({ postInstall: "sh" }), /"postInstall"/],
    ["a member from __proto__", Buffer.from(`{"__proto__":{},${JSON.stringify(INDEX).slice(1)}`), /"__proto__"/],
    ["no identity", changed({ identity: undefined }), /"identity"/],
    ["no images", changed({ images: [] }), /at least one image/],
    ["one name for two images", changed({ images: [INDEX.images[0], INDEX.images[0]] }), /each image once/],
    [
      "a name with another digest than its root's",
      changed({ images: [{ ...INDEX.images[0], name: `docker.io/library/app@sha256:${"a".repeat(64)}` }] }),
      /its own digest as root/,
    ],
    [
      "a name that leads out",
      changed({ images: [{ ...INDEX.images[0], name: "x.io/../etc:1" }] }),
      /"images\.0\.name"/,
    ],
    ["a short name", changed({ images: [{ ...INDEX.images[0], name: "nginx" }] }), /"images\.0\.name"/],
    ["an image without a name", changed({ images: [{ ...INDEX.images[0], name: "" }] }), /"images\.0\.name"/],
    [
      "an unknown reason",
      changed({ images: [{ ...INDEX.images[0], omitted: [{ descriptor: blob, reason: "x" }] }] }),
      /images\.0\.omitted\.0/,
    ],
    ["a referrer twice", withReferrers(signature, signature), /each referrer of .* once/],
    ["a referrer with a tag for an image", withReferrers({ ...signature, tag: "latest" }), /cosign's tags .*"latest"/],
    [
      "a referrer with the tag of another subject",
      withReferrers({ ...signature, tag: attachmentTags(other)[0] }),
      /cosign's tags/,
    ],
    ["a referrer with an empty tag", withReferrers({ ...signature, tag: "" }), /cosign's tags/],
    ["a referrer about nothing", withReferrers({ descriptor: signature.descriptor }), /referrers\.0\.subject/],
    ["an unknown member in a referrer", withReferrers({ ...signature, run: "sh" }), /"run"/],
    ["referrers that are no list", changed({ images: [{ ...INDEX.images[0], referrers: null }] }), /referrers/],
    ["a date that is none", changed({ identity: { ...INDEX.identity, created: "yesterday" } }), /"identity\.created"/],
    ["a key that is not base64", changed({ keyId: "???" }), /"keyId"/],
    ["nothing", Buffer.alloc(0), /got nothing/],
    ["bytes that are not UTF-8", Buffer.concat([changed({}), Buffer.from([0xff])]), /utf-8/],
    ["nesting a million deep", Buffer.from(`{"formatVersion":1,"images":${"[".repeat(1_000_000)}`), /nested deeper/],
  ])("with %s is refused in one short line", async (_name, bytes, message) => {
    const error = await failureOf(() => parseBundleIndex(bytes));
    expect(error.code).toBe("BUNDLE_INVALID");
    expect(error.message).toMatch(message);
    expect(error.message.length).toBeLessThan(800);
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
  });

  test.each([0, 2, 99])(
    "of format version %i is refused with what to do, whatever else stands in it",
    async (formatVersion) => {
      const error = await failureOf(() =>
        parseBundleIndex(Buffer.from(JSON.stringify({ formatVersion, entirely: "new" }))),
      );
      expect(error.code).toBe("BUNDLE_INVALID");
      expect(error.message).toBe(`expected a bundle of format version 1, got version ${formatVersion}`);
      expect(error.hint).toContain("the version of Sealift that wrote it");
    },
  );

  test.each([null, "1", 1.5, undefined])("of format version %j is refused", async (formatVersion) => {
    expect((await failureOf(() => parseBundleIndex(changed({ formatVersion })))).message).toContain('"formatVersion"');
  });

  test("with a million bad entries has the first one named, soon", async () => {
    const bytes = Buffer.from(
      JSON.stringify({ ...INDEX, entries: "HERE" }).replace('"HERE"', `[${"0,".repeat(1_000_000)}0]`),
    );
    expect((await failureOf(() => parseBundleIndex(bytes))).message).toMatch(/is not valid: "entries\.0": [^;]*$/);
  });

  test("of any change to a good one is refused or read, never anything else", () => {
    const bytes = encodeBundleIndex(INDEX);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = byte;
        try {
          parseBundleIndex(damaged);
        } catch (error) {
          expect(isSealiftError(error, "BUNDLE_INVALID")).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("the path of a blob", () => {
  test("is the one an OCI image layout has for it", () => {
    const bytes = Buffer.from("x");
    expect(blobPath(digestOf(bytes))).toMatch(/^blobs\/sha256\/[0-9a-f]{64}$/);
    expect(blobPath(digestOf(bytes, "sha512"))).toMatch(/^blobs\/sha512\/[0-9a-f]{128}$/);
  });
});
