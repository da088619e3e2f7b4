import { describe, expect, test } from "vitest";
import { type Descriptor, digestOf, MEDIA_TYPE, type RawManifest, referrersTag } from "../../src/oci/index.js";
import type { Quirks } from "../../src/registry-server/index.js";
import { failureOf } from "../support/errors.js";
import { describe as describeBytes, sampleManifest } from "../support/images.js";
import { ARTIFACT_TYPE, sampleReferrer } from "../support/referrers.js";
import { storeImage } from "../support/store-image.js";
import { containing, MANIFEST, matching } from "./fixture.js";
import { given, registry } from "./stage.js";

const SUBJECT = MANIFEST.descriptor;
const API = `/v2/app/referrers/${SUBJECT.digest}`;
const TAG = referrersTag(SUBJECT.digest);
const [SIGNATURE, SBOM] = [
  sampleReferrer(SUBJECT, ARTIFACT_TYPE.notation, "a signature", { annotations: { by: "ann" } }),
  sampleReferrer(SUBJECT, ARTIFACT_TYPE.spdx, "an SBOM"),
];
const BOTH = [SIGNATURE, SBOM].map(({ root }) => root);

/** The tags of cosign's that were asked for, and not there. */
const NO_ATTACHMENTS = ["sig", "att", "sbom"].map((suffix) => `HEAD /v2/app/manifests/${TAG}.${suffix} 404`);

/** As its list describes it. */
function listed({ root }: typeof SIGNATURE, artifactType: string, annotations?: object): object {
  return { ...root.descriptor, artifactType, ...(annotations && { annotations }) };
}

/** Stores what refers to the image, in an index under the tag of its referrers if the registry has no API. */
function storeReferrers(...descriptors: readonly Descriptor[]): void {
  for (const image of [SIGNATURE, SBOM]) storeImage(registry.storage, "app", undefined, image);
  if (descriptors.length > 0) storeIndex({ manifests: descriptors });
}

function storeIndex(members: object, mediaType: string = MEDIA_TYPE.ociIndex): RawManifest {
  const { bytes } = sampleManifest(mediaType, { schemaVersion: 2, ...members });
  return registry.storage.putManifest("app", TAG, mediaType, bytes);
}

function digests(descriptors: readonly { readonly descriptor: Descriptor }[]): string[] {
  return descriptors.map(({ descriptor }) => descriptor.digest).sort();
}

const ALL = digests(BOTH);

describe("listing", () => {
  test("asks the referrers API, and for cosign's tags", async () => {
    const app = await given();
    storeReferrers();
    const { referrers, refusals } = await app.referrers(SUBJECT);
    expect(digests(referrers)).toEqual(ALL);
    expect(referrers).toContainEqual({ descriptor: listed(SIGNATURE, ARTIFACT_TYPE.notation, { by: "ann" }) });
    expect(refusals).toEqual([]);
    expect(registry.requestLines()).toEqual([`GET ${API} 200`, ...NO_ATTACHMENTS]);
    expect(registry.requests[0]?.headers.accept).toBe(MEDIA_TYPE.ociIndex);
  });

  test("finds nothing where nothing is", async () => {
    const app = await given({ noReferrersApi: true });
    expect(await app.referrers(SUBJECT)).toEqual({ referrers: [], refusals: [] });
    expect(registry.requestLines()).toEqual([`GET ${API} 404`, `HEAD /v2/app/manifests/${TAG} 404`, ...NO_ATTACHMENTS]);
  });

  test("finds cosign's signatures, attestations and SBOMs by their tags", async () => {
    const app = await given();
    for (const suffix of ["sig", "sbom"]) {
      registry.storage.putManifest("app", `${TAG}.${suffix}`, MEDIA_TYPE.ociManifest, SBOM.root.bytes);
    }
    const { referrers } = await app.referrers(MANIFEST.descriptor);
    expect(referrers.filter(({ tag }) => tag !== undefined)).toEqual(
      ["sig", "sbom"].map((suffix) => ({ descriptor: SBOM.root.descriptor, tag: `${TAG}.${suffix}` })),
    );
  });

  test.each<[string, Quirks]>([
    ["has no API", { noReferrersApi: true }],
    ["answers with an HTML page", { referrersHtml: true }],
  ])("reads the tag that stands in where the registry %s, and asks for the API once", async (_what, quirks) => {
    const app = await given(quirks);
    storeReferrers(SIGNATURE.root.descriptor, SBOM.root.descriptor, SIGNATURE.root.descriptor);
    expect(digests((await app.referrers(SUBJECT)).referrers)).toEqual(ALL);
    await app.referrers(SIGNATURE.root.descriptor);
    expect(registry.requestLines().filter((line) => line.includes("/referrers/"))).toHaveLength(1);
  });

  test("takes an image under that tag, as some mirrors give it, for what it is", async () => {
    const app = await given({ noReferrersApi: true });
    registry.storage.putManifest("app", TAG, SUBJECT.mediaType, MANIFEST.bytes);
    expect(await app.referrers(SUBJECT)).toEqual({ referrers: [], refusals: [] });
    const index = sampleManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, manifests: [SUBJECT] });
    registry.storage.putManifest("app", referrersTag(index.descriptor.digest), MEDIA_TYPE.ociIndex, index.bytes);
    expect(await app.referrers(index.descriptor)).toEqual({ referrers: [], refusals: [] });
  });

  test("follows the pages of a long list", async () => {
    const app = await given({ referrersPerPage: 1 });
    storeReferrers();
    expect(digests((await app.referrers(SUBJECT)).referrers)).toEqual(ALL);
    expect(registry.requestLines().slice(0, 2)).toEqual([`GET ${API} 200`, `GET ${API}?start=1 200`]);
  });
});

describe("hostile: a list", () => {
  test("with a next page at another host is refused, and that host is not asked", async () => {
    const app = await given({ referrersNextPage: "http://127.0.0.1:9/v2/app/referrers/x?token=secret" });
    const failure = await failureOf(() => app.referrers(SUBJECT));
    expect(failure).toMatchObject({ code: "REGISTRY_PROTOCOL", message: containing(`not at http://${registry.host}`) });
    expect(failure.message).not.toContain("secret");
    expect(registry.requests).toHaveLength(1);
  });

  test("without a last page is refused", async () => {
    const app = await given({ referrersNextPage: API });
    expect(await failureOf(() => app.referrers(SUBJECT))).toMatchObject({
      code: "REGISTRY_PROTOCOL",
      message: containing("more than 100 pages"),
    });
    expect(registry.requests).toHaveLength(100);
  });

  test.each([
    ["the API", {}],
    ["the tag", { noReferrersApi: true }],
  ] as const)("of more than a thousand, from %s, is refused", async (_from, quirks) => {
    const many = Array.from({ length: 1001 }, (_none, at) => describeBytes("a/b", Buffer.from(`${at}`)));
    const app = await given({ ...quirks, ...("noReferrersApi" in quirks ? {} : { listsAsReferrers: many }) });
    storeIndex({ manifests: many });
    expect(await failureOf(() => app.referrers(SUBJECT))).toMatchObject({
      code: "REGISTRY_PROTOCOL",
      message: matching(/, got (?:more than 1000|1001)$/),
    });
  });

  test("that is no list is refused as the registry's fault", async () => {
    const app = await given({ noReferrersApi: true });
    storeIndex({ manifests: [{ digest: "sha256:short" }] });
    expect(await failureOf(() => app.referrers(SUBJECT))).toMatchObject({ code: "REGISTRY_PROTOCOL", exitCode: 4 });
  });
});

describe("a registry that", () => {
  test("refuses to speak of what is absent is taken at its word, and the refusals are told", async () => {
    const app = await given({ refusesAbsent: true });
    const { referrers, refusals } = await app.referrers(SUBJECT);
    expect(referrers).toEqual([]);
    expect(refusals.map(({ code }) => code)).toEqual(Array.from({ length: 5 }, () => "DENIED"));
  });

  test("refuses the list still gives what stands under tags", async () => {
    const app = await given({ refusesAbsent: true });
    storeReferrers(SIGNATURE.root.descriptor);
    const { referrers, refusals } = await app.referrers(SUBJECT);
    expect(digests(referrers)).toEqual(digests([SIGNATURE.root]));
    expect(refusals).toHaveLength(4);
  });

  test("limits requests is not taken for one that has nothing", async () => {
    const app = await given({ limitsReferrers: true });
    const failure = await failureOf(() => app.referrers(SUBJECT));
    expect(failure).toMatchObject({ exitCode: 4, message: containing("429") });
  });

  test("has a kind of manifest under a tag that is not carried says so", async () => {
    const app = await given();
    const type = "application/vnd.oci.artifact.manifest.v1+json";
    registry.storage.putManifest("app", `${TAG}.sig`, type, Buffer.from("{}"));
    const { refusals } = await app.referrers(SUBJECT);
    expect(refusals).toMatchObject([{ code: "UNSUPPORTED_MANIFEST" }]);
  });
});

describe("storing", () => {
  /** The index under the tag of the image's referrers. */
  function stored(): { manifests: Descriptor[] } & Record<string, unknown> {
    const bytes = registry.storage.manifest("app", TAG)?.bytes ?? Buffer.from("{}");
    return JSON.parse(Buffer.from(bytes).toString()) as { manifests: Descriptor[] };
  }

  function storeBlobs(): void {
    for (const { blobs } of [SIGNATURE, SBOM])
      for (const bytes of blobs.values()) registry.storage.putBlob("app", bytes);
  }

  test("leaves the list to a registry that keeps it", async () => {
    const app = await given();
    storeBlobs();
    await app.putReferrers(SUBJECT.digest, BOTH);
    expect(digests((await app.referrers(SUBJECT)).referrers)).toEqual(ALL);
    expect(registry.storage.hasTag("app", TAG)).toBe(false);
  });

  test.each<[string, Quirks]>([
    ["has no API", { noReferrersApi: true }],
    ["claims to have one, and has not", { claimsReferrersApi: true }],
    ["answers with an HTML page", { referrersHtml: true }],
    ["keeps another list than it should", { listsAsReferrers: [] }],
  ])("makes the index where the registry %s: type and annotations are the manifest's", async (_what, quirks) => {
    const app = await given(quirks);
    storeBlobs();
    await app.putReferrers(SUBJECT.digest, BOTH);
    expect(stored()).toEqual({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [listed(SIGNATURE, ARTIFACT_TYPE.notation, { by: "ann" }), listed(SBOM, ARTIFACT_TYPE.spdx)],
    });
  });

  test("merges: what is listed stays as it is, what somebody wrote beside it stays, and nothing is listed twice", async () => {
    const app = await given({ noReferrersApi: true });
    storeBlobs();
    const other = sampleReferrer(SUBJECT, "a/b", "somebody else's");
    storeImage(registry.storage, "app", undefined, other);
    storeImage(registry.storage, "app", undefined, SBOM);
    const before = [
      { ...other.root.descriptor, urls: ["https://example.org"], data: "e30=" },
      { ...SBOM.root.descriptor, artifactType: "by/hand" },
    ];
    storeIndex({ manifests: before, annotations: { by: "hand" } });
    await app.putReferrers(SUBJECT.digest, BOTH);
    expect(stored()).toMatchObject({ annotations: { by: "hand" } });
    expect(stored().manifests).toEqual([...before, listed(SIGNATURE, ARTIFACT_TYPE.notation, { by: "ann" })]);

    registry.restage({ noReferrersApi: true });
    await app.putReferrers(SUBJECT.digest, BOTH);
    expect(registry.requestLines().filter((line) => line.startsWith(`PUT /v2/app/manifests/${TAG}`))).toEqual([]);
  });

  test("of one subject is done in turn, so that nothing is lost, and a failure stops nobody else", async () => {
    const app = await given({ noReferrersApi: true });
    storeBlobs();
    const lacking = sampleReferrer(SUBJECT, "a/b", "whose blob is not there");
    const results = await Promise.allSettled(
      [SIGNATURE, lacking, SBOM].map(({ root }) => app.putReferrers(SUBJECT.digest, [root])),
    );
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(
      stored()
        .manifests.map(({ digest }) => digest)
        .sort(),
    ).toEqual(ALL);
  });

  test.each([
    ["an image", (): unknown => registry.storage.putManifest("app", TAG, SUBJECT.mediaType, MANIFEST.bytes)],
    ["a Docker list", (): unknown => storeIndex({ manifests: [] }, MEDIA_TYPE.dockerManifestList)],
  ])("never replaces %s under that tag", async (_what, occupy) => {
    const app = await given({ noReferrersApi: true });
    storeBlobs();
    occupy();
    const before = registry.storage.manifest("app", TAG);
    expect(await failureOf(() => app.putReferrers(SUBJECT.digest, BOTH))).toMatchObject({
      code: "DENIED",
      message: containing("got something else there"),
    });
    expect(registry.storage.manifest("app", TAG)).toEqual(before);
  });

  test("does not write over an index that it may not read", async () => {
    const app = await given({ refusesAbsent: true });
    storeBlobs();
    expect(await failureOf(() => app.putReferrers(SUBJECT.digest, BOTH))).toMatchObject({ code: "DENIED" });
    expect(registry.storage.hasTag("app", TAG)).toBe(false);
  });

  test("an index that would be too large is refused", async () => {
    const app = await given({ noReferrersApi: true });
    storeBlobs();
    storeIndex({ manifests: [], annotations: { padding: "x".repeat(4 * 1024 * 1024 - 300) } });
    expect(await failureOf(() => app.putReferrers(SUBJECT.digest, BOTH))).toMatchObject({
      code: "REGISTRY_PROTOCOL",
      message: containing("4194304"),
    });
  });
});

test("digests by sha512 have a list, and none of cosign's tags", async () => {
  const app = await given({ noReferrersApi: true });
  const digest = digestOf(MANIFEST.bytes, "sha512");
  registry.storage.putManifest("app", digest, SUBJECT.mediaType, MANIFEST.bytes);
  await app.referrers({ ...SUBJECT, digest });
  expect(registry.requestLines().slice(1)).toEqual([`HEAD /v2/app/manifests/${referrersTag(digest)} 404`]);
});
