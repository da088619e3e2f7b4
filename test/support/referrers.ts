import { type Descriptor, type Digest, digestOf, MEDIA_TYPE } from "../../src/oci/index.js";
import { describe, type SampleImage, sampleManifest } from "./images.js";

/** The media types that tools give what they attach. */
export const ARTIFACT_TYPE = {
  sigstoreBundle: "application/vnd.dev.sigstore.bundle.v0.3+json",
  notation: "application/vnd.cncf.notary.signature",
  spdx: "application/spdx+json",
} as const;

const EMPTY = Buffer.from("{}");

/** An artifact that refers to `subject`: a signature, an SBOM, whatever `members` make of it. */
export function sampleReferrer(
  subject: Descriptor | undefined,
  artifactType: string,
  content: string,
  members: object = {},
): SampleImage {
  const bytes = Buffer.from(content);
  const root = sampleManifest(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    artifactType,
    config: describe("application/vnd.oci.empty.v1+json", EMPTY),
    layers: [describe(artifactType, bytes)],
    ...(subject === undefined ? {} : { subject }),
    ...members,
  });
  const blobs = new Map<Digest, Uint8Array>([EMPTY, bytes].map((blob) => [digestOf(blob), blob]));
  return { root, manifests: [root], blobs };
}

/** What cosign keeps under its tags: each signature a layer, told from the others by an annotation. */
export function sampleAttachment(...signatures: readonly string[]): SampleImage {
  const payload = Buffer.from('{"critical":{}}');
  const config = Buffer.from('{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}');
  const root = sampleManifest(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: describe(MEDIA_TYPE.ociConfig, config),
    layers: signatures.map((signature) => ({
      ...describe("application/vnd.dev.cosign.simplesigning.v1+json", payload),
      annotations: { "dev.cosignproject.cosign/signature": signature },
    })),
  });
  const blobs = new Map<Digest, Uint8Array>([config, payload].map((blob) => [digestOf(blob), blob]));
  return { root, manifests: [root], blobs };
}
