import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BundleReferrer } from "../../src/bundle/format/index.js";
import { importFile, inspectFile, verifyFile } from "../../src/composition/index.js";
import { attachmentTags, type Descriptor, MEDIA_TYPE, parsePlatform, referrersTag } from "../../src/oci/index.js";
import type { OperationEvent } from "../../src/ports/index.js";
import type { Quirks } from "../../src/registry-server/index.js";
import { readEntry } from "../support/entries.js";
import { failureOf } from "../support/errors.js";
import { type SampleImage, sampleImage, sampleIndex, sampleLayer, sampleManifest } from "../support/images.js";
import { ARTIFACT_TYPE, sampleAttachment, sampleReferrer } from "../support/referrers.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;
let events: OperationEvent[];
let amd64: SampleImage;
let arm64: SampleImage;
let image: SampleImage;

beforeEach(async () => {
  scene = await Scene.create();
  events = [];
  amd64 = sampleImage({ layers: [await sampleLayer({ a: "amd64" })] });
  arm64 = sampleImage({ layers: [await sampleLayer({ a: "arm64" })], platform: "linux/arm64" });
  image = sampleIndex([{ image: amd64 }, { image: arm64 }]);
  storeImage(scene.near.storage, "app", "1", image);
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

const onEvent = (event: OperationEvent): void => {
  events.push(event);
};

function warnings(): string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.text] : []));
}

function descriptorOf({ root }: SampleImage): Descriptor {
  return root.descriptor;
}

/** Stores an artifact that refers to `subject` on the near side; its tag is given, if it has one. */
function attach(subject: SampleImage, artifact: SampleImage, suffix?: "sig" | "att" | "sbom"): SampleImage {
  const tag = suffix && `${referrersTag(descriptorOf(subject).digest)}.${suffix}`;
  storeImage(scene.near.storage, "app", tag, artifact);
  return artifact;
}

function attachSignature(subject: SampleImage, content: string): SampleImage {
  return attach(subject, sampleReferrer(descriptorOf(subject), ARTIFACT_TYPE.notation, content));
}

/** The index under the tag that stands in for the referrers API. */
function listOf(subject: SampleImage): Descriptor[] {
  const tag = referrersTag(descriptorOf(subject).digest);
  const bytes = scene.far.storage.manifest("app", tag)?.bytes ?? Buffer.from('{"manifests":[]}');
  return (JSON.parse(Buffer.from(bytes).toString()) as { manifests: Descriptor[] }).manifests;
}

async function carried(options: Parameters<Scene["export"]>[1] = {}): Promise<readonly BundleReferrer[]> {
  const { images } = await scene.export(["app:1"], { onEvent, ...options });
  await verifyFile(scene.bundle, { trust: scene.keys.trust, deep: true });
  return images[0]?.referrers ?? [];
}

function digestsOf(referrers: readonly BundleReferrer[]): string[] {
  return referrers.map(({ descriptor }) => descriptor.digest);
}

function sorted(...images: readonly SampleImage[]): string[] {
  return images.map((item) => descriptorOf(item).digest).sort();
}

function importIt(quirks: Quirks = {}) {
  scene.far.restage(quirks);
  return importFile(scene.bundle, { trust: scene.keys.trust, to: scene.far.host, onEvent });
}

/** Whether a manifest and its blobs are on the far side as they are on the near one. */
function arrived({ root, blobs }: SampleImage): boolean {
  const { storage } = scene.far;
  const isSame = storage.manifest("app", root.descriptor.digest)?.bytes.toString() === root.bytes.toString();
  return isSame && [...blobs.keys()].every((digest) => storage.hasBlob("app", digest));
}

describe("an export carries", () => {
  test("what refers to the index, to its children, and to that again, and says of each what it is", async () => {
    const signature = attachSignature(image, "of the index");
    const sbom = attach(amd64, sampleReferrer(descriptorOf(amd64), ARTIFACT_TYPE.spdx, "of amd64"));
    const ofSbom = attachSignature(sbom, "of the SBOM");
    const cosign = attach(arm64, sampleAttachment("first", "second"), "sig");

    const referrers = await carried();

    expect(digestsOf(referrers)).toEqual(sorted(signature, sbom, ofSbom, cosign));
    expect(referrers).toContainEqual({
      descriptor: { ...descriptorOf(ofSbom), artifactType: ARTIFACT_TYPE.notation },
      subject: descriptorOf(sbom).digest,
    });
    expect(referrers).toContainEqual({
      descriptor: { ...descriptorOf(cosign), artifactType: MEDIA_TYPE.ociConfig },
      subject: descriptorOf(arm64).digest,
      tag: attachmentTags(descriptorOf(arm64).digest)[0],
    });
    expect(warnings()).toEqual([]);
  });

  test("nothing of it in the documents that other readers load images by", async () => {
    await scene.export(["app:1"]);
    const documents = ["index.json", "manifest.json"];
    const before = await Promise.all(documents.map((path) => readEntry(scene.bundle, path)));
    attachSignature(image, "of the index");
    attach(image, sampleAttachment("a"), "sig");
    expect(await carried()).toHaveLength(2);
    expect(await Promise.all(documents.map((path) => readEntry(scene.bundle, path)))).toEqual(before);
  });

  test("what stands in for the referrers API the same as the API", async () => {
    const signature = attachSignature(image, "of the index");
    const byApi = await carried();
    const tag = referrersTag(descriptorOf(image).digest);
    // cosign lists the type of the config, and not the artifact's.
    const listed = { ...descriptorOf(signature), artifactType: "application/vnd.oci.empty.v1+json" };
    const index = sampleManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, manifests: [listed] });
    scene.near.storage.putManifest("app", tag, MEDIA_TYPE.ociIndex, index.bytes);
    scene.near.restage({ noReferrersApi: true });
    expect(await carried()).toEqual(byApi);
  });

  test("the annotation that tells a signature in a Sigstore bundle from an attestation, and no other one", async () => {
    const annotations = { "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1", made: "today" };
    attach(image, sampleReferrer(descriptorOf(image), ARTIFACT_TYPE.sigstoreBundle, "{}", { annotations }));
    const [referrer] = await carried();
    expect(referrer?.descriptor.annotations).toEqual({
      "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
    });
  });

  test("no annotation that is longer than any predicate's name", async () => {
    const annotations = { "dev.sigstore.bundle.predicateType": "x".repeat(257) };
    attach(image, sampleReferrer(descriptorOf(image), ARTIFACT_TYPE.sigstoreBundle, "{}", { annotations }));
    expect((await carried())[0]?.descriptor).not.toHaveProperty("annotations");
  });

  test("an index that refers to an image, with its children", async () => {
    const part = sampleReferrer(undefined, "a/b", "a part");
    const parts = sampleManifest(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      artifactType: "a/parts",
      manifests: [descriptorOf(part)],
      subject: descriptorOf(image),
    });
    const whole = attach(image, { root: parts, manifests: [...part.manifests, parts], blobs: part.blobs });
    expect(await carried()).toMatchObject([{ descriptor: { artifactType: "a/parts" } }]);
    await importIt({ noReferrersApi: true });
    expect(arrived(whole) && arrived(part)).toBe(true);
    expect(listOf(image)).toMatchObject([{ artifactType: "a/parts" }]);
  });

  test("of an image with chosen platforms, what refers to these", async () => {
    const signature = attachSignature(image, "of the index");
    const ofAmd64 = attachSignature(amd64, "of amd64");
    attachSignature(arm64, "of arm64");
    const referrers = await carried({ platforms: [parsePlatform("linux/amd64")] });
    expect(digestsOf(referrers)).toEqual(sorted(signature, ofAmd64));
    const asked = scene.near.requestLines().filter((line) => line.includes(descriptorOf(arm64).digest.slice(7)));
    expect(asked.filter((line) => line.includes("/referrers/"))).toEqual([]);
  });

  test("nothing of it, and does not ask, when it is told so", async () => {
    attachSignature(image, "of the index");
    expect(await carried({ referrers: false })).toEqual([]);
    expect(scene.near.requestLines().filter((line) => /referrers|sha256-/.test(line))).toEqual([]);
    const { index } = await inspectFile(scene.bundle, scene.keys.trust);
    expect(index.images[0]).not.toHaveProperty("referrers");
  });

  test("the same bytes for the same referrers, however they were found", async () => {
    attachSignature(image, "b");
    attachSignature(image, "a");
    await scene.export(["app:1"]);
    const { index } = await inspectFile(scene.bundle, scene.keys.trust);
    scene.near.restage({ referrersPerPage: 1 });
    await scene.export(["app:1"]);
    const again = await inspectFile(scene.bundle, scene.keys.trust);
    expect(again.index.images).toEqual(index.images);
    expect(again.index.entries).toEqual(index.entries);
  });
});

describe("attestations of BuildKit's", () => {
  let attestation: SampleImage;

  beforeEach(async () => {
    attestation = sampleImage({ layers: [await sampleLayer({ statement: "{}" })], platform: "unknown/unknown" });
    const annotations = {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": descriptorOf(arm64).digest,
    };
    const children = [
      { image: amd64 },
      { image: arm64 },
      { image: attestation, platform: "unknown/unknown", descriptor: { annotations } },
    ];
    image = sampleIndex(children);
    storeImage(scene.near.storage, "app", "1", image);
  });

  const record = (): BundleReferrer => ({
    descriptor: {
      ...descriptorOf(attestation),
      artifactType: MEDIA_TYPE.ociConfig,
      annotations: { "vnd.docker.reference.type": "attestation-manifest" },
    },
    subject: descriptorOf(arm64).digest,
  });

  test("come with their image, and are named, also without referrers", async () => {
    expect(await carried()).toEqual([record()]);
    expect(await carried({ referrers: false })).toEqual([record()]);
    expect(await carried({ platforms: [parsePlatform("linux/arm64")] })).toEqual([record()]);
    expect(await carried({ platforms: [parsePlatform("linux/amd64")] })).toEqual([]);
  });

  test("are stored on the far side, and in nobody's list: they name no subject", async () => {
    await carried();
    await importIt({ noReferrersApi: true });
    expect(arrived(attestation)).toBe(true);
    expect(scene.far.storage.tags("app")).toEqual(["1"]);
  });

  test("that name their subject as well are named once, and listed", async () => {
    const subject = { subject: descriptorOf(arm64) };
    const both = sampleReferrer(undefined, "application/vnd.docker.attestation.manifest.v1+json", "{}", subject);
    const annotations = { "vnd.docker.reference.digest": descriptorOf(arm64).digest };
    image = sampleIndex([{ image: arm64 }, { image: both, descriptor: { annotations } }]);
    storeImage(scene.near.storage, "app", "1", image);
    expect(digestsOf(await carried())).toEqual(sorted(both));
    await importIt({ noReferrersApi: true });
    expect(listOf(arm64)).toHaveLength(1);
  });
});

describe("what cannot be carried is left out with a warning:", () => {
  test("a manifest that is listed and not there", async () => {
    const gone = sampleReferrer(descriptorOf(image), "a/b", "gone");
    scene.near.restage({ listsAsReferrers: [descriptorOf(gone)] });
    expect(await carried()).toEqual([]);
    expect(warnings()).toContainEqual(expect.stringContaining(`${descriptorOf(gone).digest.slice(0, 19)}, listed as`));
  });

  test("a kind of manifest that is not carried", async () => {
    const mediaType = "application/vnd.oci.artifact.manifest.v1+json";
    const { descriptor } = sampleManifest(mediaType, { blobs: [], subject: descriptorOf(image) });
    scene.near.restage({ listsAsReferrers: [descriptor] });
    expect(await carried()).toEqual([]);
    expect(warnings()).toContainEqual(expect.stringContaining(mediaType));
  });

  test("hostile: a signature of another image, and an image that refers to nothing", async () => {
    const stranger = sampleImage({ layers: [await sampleLayer({ a: "stranger" })] });
    storeImage(scene.near.storage, "app", undefined, stranger);
    const signature = attachSignature(stranger, "of the stranger");
    scene.near.restage({ listsAsReferrers: [descriptorOf(signature), descriptorOf(stranger)] });
    expect(await carried()).toEqual([]);
    expect(warnings()).toContainEqual(
      expect.stringContaining(`it says that it refers to ${descriptorOf(stranger).digest}`),
    );
    expect(warnings()).toContainEqual(expect.stringContaining("it says that it refers to nothing"));
  });

  test("what a registry refuses to speak of, instead of saying that it is absent", async () => {
    const signature = attach(image, sampleAttachment("a"), "sig");
    scene.near.restage({ refusesAbsent: true });
    expect(digestsOf(await carried())).toEqual(sorted(signature));
    expect(warnings()).toEqual([expect.stringMatching(/does not say whether there are more signatures.* 403 /)]);
  });
});

describe("an image fails, and the others are carried, when", () => {
  beforeEach(async () => {
    storeImage(scene.near.storage, "other", "1", sampleImage({ layers: [await sampleLayer({ a: "other" })] }));
  });

  test.each<[string, Quirks, RegExp]>([
    ["its registry limits requests for what refers to it", { limitsReferrers: true }, /429/],
    ["its list leads to another host", { referrersNextPage: "http://127.0.0.1:9/" }, /next one is not at/],
  ])("%s: nothing is left out in silence", async (_when, quirks, words) => {
    scene.near.restage(quirks);
    const failure = await failureOf(() => scene.export(["app:1"], { registry: { retry: { tries: 1 } } }));
    expect(failure.exitCode).toBe(4);
    expect(failure.message).toMatch(words);
    expect(failure.hint).toContain("--no-referrers");
    await scene.export(["app:1"], { referrers: false });
  });

  test("hostile: there is no end to what refers to each other", async () => {
    let last = image;
    for (let depth = 0; depth < 10; depth += 1) last = attachSignature(last, `step ${depth}`);
    const { failures } = await scene.export(["app:1", "other:1"]);
    expect(failures).toMatchObject([{ error: { code: "REGISTRY_PROTOCOL" } }]);
  });

  test("hostile: there are more than memory holds", async () => {
    for (const at of Array(5).keys()) {
      const annotations = { padding: "x".repeat(3_900_000 + at) };
      attach(image, sampleReferrer(descriptorOf(image), "a/b", "large", { annotations }));
    }
    const { failures } = await scene.export(["app:1", "other:1"]);
    expect(failures).toMatchObject([{ error: { code: "REGISTRY_PROTOCOL" } }]);
  });

  test("hostile: many share a manifest of megabytes, so that little to fetch is much to parse", async () => {
    const { root, blobs } = sampleReferrer(undefined, "a/b", "", { annotations: { padding: "x".repeat(3_900_000) } });
    for (const at of Array(10).keys()) {
      const members = { schemaVersion: 2, subject: descriptorOf(image), annotations: { at: `${at}` } };
      const list = sampleManifest(MEDIA_TYPE.ociIndex, { ...members, manifests: [root.descriptor] });
      attach(image, { root: list, manifests: [root, list], blobs });
    }
    const { failures } = await scene.export(["app:1", "other:1"]);
    expect(failures).toMatchObject([{ error: { code: "REGISTRY_PROTOCOL" } }]);
  });
});

describe("an import", () => {
  test("stores subjects first, then has signatures listed, then gives tags, the image's last", async () => {
    const signature = attachSignature(image, "of the index");
    const cosign = attach(image, sampleAttachment("a"), "sig");
    await scene.export(["app:1"]);
    const { images } = await importIt({ noReferrersApi: true });
    expect(images[0]?.referrers).toHaveLength(2);
    expect(arrived(signature) && arrived(cosign)).toBe(true);
    const tag = referrersTag(descriptorOf(image).digest);
    const puts = scene.far.requestLines().flatMap((line) => /^PUT .*\/manifests\/(\S+) 201$/.exec(line)?.[1] ?? []);
    expect(puts).toEqual([
      descriptorOf(amd64).digest,
      descriptorOf(arm64).digest,
      descriptorOf(image).digest,
      descriptorOf(cosign).digest,
      descriptorOf(signature).digest,
      tag,
      `${tag}.sig`,
      "1",
    ]);
    expect(listOf(image)).toEqual([{ ...descriptorOf(signature), artifactType: ARTIFACT_TYPE.notation }]);
  });

  test("again puts nothing but manifests by their digests", async () => {
    attachSignature(image, "of the index");
    attach(image, sampleAttachment("a"), "sig");
    await scene.export(["app:1"]);
    await importIt({ noReferrersApi: true });
    await importIt({ noReferrersApi: true });
    const tagged = scene.far.requestLines().filter((line) => /^PUT .*\/manifests\/(?!sha256:)/.test(line));
    expect(tagged).toEqual([]);
  });

  test("leaves the list to a registry that keeps it", async () => {
    const signature = attachSignature(image, "of the index");
    await scene.export(["app:1"]);
    await importIt();
    expect(scene.far.storage.tags("app")).toEqual(["1"]);
    expect(arrived(signature)).toBe(true);
  });

  test("adds to the list that the far side has", async () => {
    const signature = attachSignature(image, "of the index");
    await scene.export(["app:1"]);
    const own = sampleReferrer(descriptorOf(image), "a/b", "made here");
    const index = sampleManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, manifests: [descriptorOf(own)] });
    storeImage(scene.far.storage, "app", referrersTag(descriptorOf(image).digest), {
      root: index,
      manifests: [own.root, index],
      blobs: own.blobs,
    });
    await importIt({ noReferrersApi: true });
    expect(listOf(image).map(({ digest }) => digest)).toEqual(
      [own, signature].map((item) => descriptorOf(item).digest),
    );
  });

  test("that cannot have a signature listed fails for that image, and does not tag it; the others arrive", async () => {
    storeImage(scene.near.storage, "other", "1", amd64);
    attachSignature(image, "of the index");
    await scene.export(["app:1", "other:1"]);
    const { images } = await importIt({ noReferrersApi: true, refusesTags: /^sha256-/ });
    const [failed, done] = images;
    expect(failed?.failure).toMatchObject({ code: "DENIED", exitCode: 4 });
    expect(failed?.failure?.message).toContain('"the tag is immutable"; this was about what refers to');
    expect(failed?.failure?.hint).toContain("--no-referrers");
    expect(done?.failure).toBeUndefined();
    expect(scene.far.storage.tags("app")).toEqual([]);
    expect(scene.far.storage.tags("other")).toEqual(["1"]);
  });

  test("dry, names what would come, and counts its blobs", async () => {
    attachSignature(image, "of the index");
    await scene.export(["app:1"]);
    const options = { trust: scene.keys.trust, to: scene.far.host };
    const { images, blobs } = await importFile(scene.bundle, { ...options, dryRun: true });
    expect(images[0]?.referrers).toHaveLength(1);
    expect(blobs).toMatchObject({ transferred: 6 });
    expect((await importIt()).blobs).toEqual(blobs);
  });
});

describe("a tag of cosign's on the far side", () => {
  let tag: string;

  /** Imports an image with `ours` under the suffix, to where `theirs` is. */
  async function bring(suffix: "sig" | "att", ours: SampleImage, theirs: SampleImage) {
    tag = `${referrersTag(descriptorOf(image).digest)}.${suffix}`;
    attach(image, ours, suffix);
    await scene.export(["app:1"]);
    storeImage(scene.far.storage, "app", tag, theirs);
    events = [];
    return importIt();
  }

  function now(): string | undefined {
    return scene.far.storage.manifest("app", tag)?.descriptor.digest;
  }

  test("that has more signatures, made there, is left as it is", async () => {
    const theirs = sampleAttachment("ours", "theirs");
    const { images } = await bring("sig", sampleAttachment("ours"), theirs);
    expect(images[0]?.failure).toBeUndefined();
    expect(now()).toBe(descriptorOf(theirs).digest);
  });

  test("that has fewer moves on", async () => {
    const ours = sampleAttachment("old", "new");
    await bring("sig", ours, sampleAttachment("old"));
    expect(now()).toBe(descriptorOf(ours).digest);
    expect(warnings()).toEqual([]);
  });

  test("that has others keeps them, and the image fails", async () => {
    const theirs = sampleAttachment("theirs");
    const failure = await failureOf(() => bring("sig", sampleAttachment("ours"), theirs));
    expect(failure).toMatchObject({ code: "DENIED", exitCode: 4 });
    expect(failure.message).toContain("got 1 others there");
    expect(now()).toBe(descriptorOf(theirs).digest);
    expect(scene.far.storage.hasTag("app", "1")).toBe(false);
  });

  test("hostile: that is two images at once keeps it, and no other image fails for that", async () => {
    storeImage(scene.near.storage, "other", "1", sampleImage({ layers: [await sampleLayer({ a: "other" })] }));
    const theirs = sampleManifest(MEDIA_TYPE.ociManifest, {
      ...(JSON.parse(Buffer.from(sampleAttachment("theirs").root.bytes).toString()) as object),
      Layers: [],
    });
    tag = `${referrersTag(descriptorOf(image).digest)}.sig`;
    attach(image, sampleAttachment("ours"), "sig");
    await scene.export(["app:1", "other:1"]);
    storeImage(scene.far.storage, "app", tag, { ...sampleAttachment("theirs"), root: theirs, manifests: [theirs] });
    const { images } = await importIt();
    expect(images.map(({ failure }) => failure?.code)).toEqual(["DENIED", undefined]);
    expect(now()).toBe(theirs.descriptor.digest);
    expect(scene.far.storage.hasTag("other", "1")).toBe(true);
  });

  test("for attestations moves on with a warning, since cosign replaces these", async () => {
    const ours = sampleAttachment("of today");
    await bring("att", ours, sampleAttachment("of yesterday"));
    expect(now()).toBe(descriptorOf(ours).digest);
    expect(warnings()).toEqual([expect.stringContaining(`${tag} had 1 that the bundle has not`)]);
  });
});
