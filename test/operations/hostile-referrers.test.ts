import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type BundleIndex, type BundleLayout, type BundleReferrer, blobPath } from "../../src/bundle/format/index.js";
import { digestOf } from "../../src/oci/index.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { failureOf } from "../support/errors.js";
import { type SampleImage, sampleImage, sampleLayer } from "../support/images.js";
import { MemorySource } from "../support/memory-source.js";
import { ARTIFACT_TYPE, sampleAttachment, sampleReferrer } from "../support/referrers.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";
import { READING_WAYS } from "./reading-ways.js";
import { reassemble } from "./reassemble.js";

let scene: Scene;
let bytes: Buffer;
let index: BundleIndex;
let layout: BundleLayout;
let image: SampleImage;
let signature: SampleImage;
let records: readonly BundleReferrer[];

beforeAll(async () => {
  scene = await Scene.create();
  image = sampleImage({ layers: [await sampleLayer({ a: "1" })] });
  storeImage(scene.near.storage, "app", "1", image);
  const { descriptor } = image.root;
  signature = sampleReferrer(descriptor, ARTIFACT_TYPE.notation, "a signature");
  storeImage(scene.near.storage, "app", undefined, signature);
  storeImage(scene.near.storage, "app", `sha256-${descriptor.digest.slice(7)}.sig`, sampleAttachment("a"));
  await scene.export(["app:1"]);
  bytes = await readFile(scene.bundle);
  ({ index, layout } = await openBundle(new MemorySource(bytes), scene.keys.trust));
  records = index.images[0]?.referrers ?? [];
});

afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

/** The record of the signature, or of what cosign attached. */
function recordOf(isTagged: boolean): BundleReferrer {
  const found = records.find(({ tag }) => (tag !== undefined) === isTagged);
  if (found === undefined) throw new Error("no such record");
  return found;
}

/** A bundle with the same entries but for those left out, and other records; the trusted key signed it. */
async function expectRefused(referrers: readonly BundleReferrer[], message: RegExp, leftOut?: string): Promise<void> {
  const images = index.images.map((one) => ({ ...one, referrers }));
  const entries = index.entries.filter(({ path }) => path !== leftOut);
  const changed = await reassemble({ bytes, layout }, { ...index, images, entries }, scene.keys);
  for (const way of READING_WAYS) {
    const failure = await failureOf(() => way.verify(changed, scene.keys.trust, false));
    expect(failure, way.name).toMatchObject({ code: "BUNDLE_INVALID", exitCode: 3 });
    expect(failure.message, way.name).toMatch(message);
    const importing = way.import(changed, scene.keys.trust, {
      to: { registry: "registry.invalid", prefix: "" },
      dryRun: false,
      concurrency: 1,
      openDestination: () => expect.unreachable("nothing is asked of the registry"),
      onEvent: () => undefined,
    });
    expect(await failureOf(() => importing), way.name).toMatchObject({ exitCode: 3 });
  }
}

test("a bundle with what refers to an image is good before anything is done to it", async () => {
  expect(records).toHaveLength(2);
  const again = await reassemble({ bytes, layout }, index, scene.keys);
  for (const way of READING_WAYS) await way.verify(again, scene.keys.trust, true);
});

test("a signature said to be of another manifest is refused", async () => {
  const { digest } = recordOf(true).descriptor;
  const moved = { ...recordOf(false), subject: digest };
  await expectRefused([recordOf(true), moved], /to be about sha256:.*, got sha256:.* as its subject/);
});

test("what says nothing of a subject, listed without a tag, is refused", async () => {
  const { descriptor, subject } = recordOf(true);
  await expectRefused([recordOf(false), { descriptor, subject }], /got nothing as its subject/);
});

test("a referrer of something that the bundle does not hold is refused", async () => {
  const stranger = digestOf(Buffer.from("stranger"));
  await expectRefused([recordOf(true), { ...recordOf(false), subject: stranger }], /to be about a manifest of .*app:1/);
});

test("a referrer of itself is refused", async () => {
  const record = recordOf(false);
  await expectRefused([recordOf(true), { ...record, subject: record.descriptor.digest }], /to be about a manifest of/);
});

test.each([
  ["another type", { artifactType: "application/spdx+json" }],
  ["an annotation that it does not have", { annotations: { "vnd.docker.reference.type": "attestation-manifest" } }],
])("a referrer that the index gives %s is refused", async (_what, lie) => {
  const record = recordOf(false);
  const lying = { ...record, descriptor: { ...record.descriptor, ...lie } };
  await expectRefused([recordOf(true), lying], /to be described as its manifest says/);
});

test("a referrer whose manifest, or whose blob, is not there is refused", async () => {
  await expectRefused(records, /to hold sha256:/, blobPath(signature.root.descriptor.digest));
  await expectRefused(records, /to hold sha256:/, blobPath(digestOf(Buffer.from("a signature"))));
});

test("content that no image leads to is refused", async () => {
  await expectRefused([recordOf(true)], /every entry to belong to an image, got blobs\/sha256\//);
  await expectRefused([], /every entry to belong to an image/);
});
