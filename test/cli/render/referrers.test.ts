import { describe, expect, test } from "vitest";
import { referrerCounts, referrerFields, referrerKind } from "../../../src/cli/render/referrers.js";
import type { BundleReferrer } from "../../../src/index.js";
import { digestOf } from "../../../src/oci/index.js";

const [ROOT, OTHER, DIGEST] = ["root", "other", "referrer"].map((text) => digestOf(Buffer.from(text)));
if (ROOT === undefined || OTHER === undefined || DIGEST === undefined) throw new Error("no digests");

function referrer(artifactType: string | undefined, more: object = {}, annotations?: object): BundleReferrer {
  const descriptor = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: DIGEST as typeof ROOT & string,
    size: 1,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations && { annotations }),
  };
  return { descriptor, subject: ROOT, ...more } as BundleReferrer;
}

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const predicate = (type: string) => ({ "dev.sigstore.bundle.predicateType": type });

describe("what a referrer is", () => {
  test.each<[string, BundleReferrer]>([
    ["notation signature", referrer("application/vnd.cncf.notary.signature")],
    ["cosign signature", referrer(BUNDLE, {}, predicate("https://sigstore.dev/cosign/sign/v1"))],
    ["Sigstore attestation", referrer(BUNDLE, {}, predicate("https://slsa.dev/provenance/v1"))],
    ["Sigstore bundle", referrer(BUNDLE)],
    ["cosign signature", referrer("application/vnd.oci.image.config.v1+json", { tag: "sha256-00.sig" })],
    ["cosign attestation", referrer("application/vnd.oci.image.config.v1+json", { tag: "sha256-00.att" })],
    ["SBOM", referrer("application/vnd.oci.image.config.v1+json", { tag: "sha256-00.sbom" })],
    ["cosign signature", referrer("application/vnd.dev.cosign.artifact.sig.v1+json")],
    ["SBOM", referrer("application/spdx+json")],
    ["SBOM", referrer("application/vnd.cyclonedx+json")],
    ["attestation", referrer("application/vnd.in-toto+json")],
    ["scan report", referrer("application/sarif+json")],
    [
      "BuildKit attestation",
      referrer("application/vnd.oci.image.config.v1+json", {}, { "vnd.docker.reference.type": "attestation-manifest" }),
    ],
    ["artifact of application/vnd.example+json", referrer("application/vnd.example+json")],
    ["artifact of no type", referrer(undefined)],
  ])("is a %s", (kind, item) => expect(referrerKind(item)).toBe(kind));

  test("hostile: is no longer than a line, whatever its type is", () => {
    expect(referrerKind(referrer("x".repeat(1_000_000))).length).toBeLessThan(200);
  });
});

test("kinds are counted", () => {
  const signature = referrer("application/vnd.cncf.notary.signature");
  const artifact = referrer("a/b");
  expect(referrerCounts([signature, referrer("application/spdx+json"), signature, artifact, artifact])).toBe(
    "2 notation signatures, 1 SBOM, 2 artifacts of a/b",
  );
});

test("what is about the image itself needs no further word", () => {
  const [spdx, other] = [referrer("application/spdx+json"), referrer("a/sbom", { subject: OTHER })];
  expect(referrerFields([spdx, other], ROOT)).toEqual([
    ["SBOM", DIGEST],
    ["SBOM", `${DIGEST}, about ${OTHER}`],
  ]);
});
