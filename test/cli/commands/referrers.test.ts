import { afterAll, beforeAll, expect, test } from "vitest";
import type { Digest } from "../../../src/oci/index.js";
import { ARTIFACT_TYPE, sampleReferrer } from "../../support/referrers.js";
import { storeImage } from "../../support/store-image.js";
import { Stage } from "../stage.js";

let stage: Stage;
let root: Digest;
let signature: Digest;
let sbom: Digest;

beforeAll(async () => {
  stage = await Stage.create();
  const { storage } = stage.scene.near;
  const image = storage.manifest("library/tiny", "2");
  if (image === undefined) throw new Error("no image");
  root = image.descriptor.digest;
  const signed = sampleReferrer(image.descriptor, ARTIFACT_TYPE.notation, "a signature");
  const listed = sampleReferrer(signed.root.descriptor, ARTIFACT_TYPE.spdx, "an SBOM of the signature");
  for (const referrer of [signed, listed]) storeImage(storage, "library/tiny", undefined, referrer);
  signature = signed.root.descriptor.digest;
  sbom = listed.root.descriptor.digest;
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

async function exported(...options: readonly string[]) {
  const host = stage.host();
  expect(await host.run("export", stage.tiny, "-o", stage.bundle, "--key", stage.privateKey, ...options)).toBe(0);
  return host;
}

const WITH = /^ {4}with {2,}(?:1 notation signature, 1 SBOM|1 SBOM, 1 notation signature)$/m;

test("export, verify, inspect and import say what comes with an image", async () => {
  expect((await exported()).stdout.text).toMatch(WITH);
  for (const args of [
    ["verify", stage.bundle],
    ["inspect", stage.bundle],
    ["import", stage.bundle, "--to", stage.scene.far.host, "--dry-run"],
    ["import", stage.bundle, "--to", stage.scene.far.host],
  ]) {
    const host = stage.host();
    expect(await host.run(...args, "--key", stage.publicKey)).toBe(0);
    expect(host.stdout.text, args[0]).toMatch(WITH);
  }
});

test("inspect names each, and what it is about", async () => {
  await exported();
  const host = stage.host();
  expect(await host.run("inspect", stage.bundle, "--key", stage.publicKey)).toBe(0);
  expect(host.stdout.text).toContain(`  What comes with ${stage.tiny}\n`);
  expect(host.stdout.text).toContain(`    notation signature  ${signature}\n`);
  expect(host.stdout.text).toContain(`    SBOM                ${sbom}, about ${signature}\n`);
});

test("inspect --json has the kinds, too", async () => {
  await exported();
  const host = stage.host();
  expect(await host.run("inspect", stage.bundle, "--json")).toBe(0);
  expect(host.json).toMatchObject({
    result: {
      referrers: expect.arrayContaining([
        expect.objectContaining({ image: stage.tiny, kind: "notation signature", subject: root }),
        expect.objectContaining({ image: stage.tiny, kind: "SBOM", subject: signature }),
      ]) as unknown,
    },
  });
});

test("import --json has them by image", async () => {
  await exported();
  const host = stage.host();
  const args = ["--to", stage.scene.far.host, "--key", stage.publicKey, "--json"];
  expect(await host.run("import", stage.bundle, ...args)).toBe(0);
  expect(host.json).toMatchObject({ result: { images: [{ name: stage.tiny, referrers: [{}, {}] }] } });
});

test("export --no-referrers leaves them", async () => {
  const { stdout } = await exported("--no-referrers");
  expect(stdout.text).not.toContain("signature");
  const host = stage.host();
  expect(await host.run("inspect", stage.bundle, "--key", stage.publicKey)).toBe(0);
  expect(host.stdout.text).not.toContain("What comes with");
});
