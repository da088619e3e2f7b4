import { describe, expect, test } from "vitest";
import { attachmentTags, digestOf, parseDigest, parseReferrer, referrersTag } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";
import { sampleManifest } from "../support/images.js";

const SUBJECT = { mediaType: "application/x+json", digest: digestOf(Buffer.from("subject")), size: 7 };

function statementOf(members: object) {
  return parseReferrer(sampleManifest("application/x+json", members));
}

describe("what a manifest says of itself as a referrer", () => {
  test("is its subject, its type and its annotations", () => {
    const annotations = { made: "today" };
    expect(statementOf({ subject: SUBJECT, artifactType: "a/b", config: { mediaType: "c/d" }, annotations })).toEqual({
      subject: SUBJECT.digest,
      artifactType: "a/b",
      annotations,
    });
  });

  test.each([
    ["the config's, without one of its own", { config: { mediaType: "c/d" } }, "c/d"],
    ["the config's, if its own is empty", { artifactType: "", config: { mediaType: "c/d" } }, "c/d"],
    ["none, for an index without one", { manifests: [] }, undefined],
  ])("has as type %s", (_what, members, artifactType) => {
    expect(statementOf(members)).toEqual({ subject: undefined, artifactType, annotations: {} });
  });

  test.each([
    ["a subject that is no descriptor", { subject: { digest: "sha256:0" } }],
    ["a subject that Go would read, and others not", { Subject: SUBJECT }],
    ["annotations that are no text", { annotations: { made: 1 } }],
  ])("is refused with %s", async (_what, members) => {
    expect(await failureOf(() => statementOf(members))).toMatchObject({ code: "MANIFEST_INVALID" });
  });
});

describe("tags for a subject", () => {
  const hex = "0123456789abcdef";

  test("are as distribution and cosign give them", () => {
    const digest = parseDigest(`sha256:${hex.repeat(4)}`);
    const tag = `sha256-${hex.repeat(4)}`;
    expect(referrersTag(digest)).toBe(tag);
    expect(attachmentTags(digest)).toEqual([`${tag}.sig`, `${tag}.att`, `${tag}.sbom`]);
  });

  test("have 64 digits at most, and cosign's are for sha256 only", () => {
    const digest = parseDigest(`sha512:${hex.repeat(8)}`);
    expect(referrersTag(digest)).toBe(`sha512-${hex.repeat(4)}`);
    expect(attachmentTags(digest)).toEqual([]);
  });
});
