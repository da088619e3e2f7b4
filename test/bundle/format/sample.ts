import { type BundleIndex, type BundleReferrer, blobPath, type Inventory } from "../../../src/bundle/format/index.js";
import { type Descriptor, digestOf, MEDIA_TYPE } from "../../../src/oci/index.js";

/** Files of a small bundle, in the order of the tar, with what stands in them. */
export const FILES = {
  ociLayout: Buffer.from('{"imageLayoutVersion":"1.0.0"}'),
  ociIndex: Buffer.from('{"schemaVersion":2}'),
  dockerManifest: Buffer.from("[]"),
  manifest: Buffer.from('{"a":"manifest"}'),
  config: Buffer.from('{"a":"config"}'),
  layer: Buffer.from("a layer ".repeat(64)),
  longHash: Buffer.from("a layer named by SHA-512"),
};

function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

const longDigest = digestOf(FILES.longHash, "sha512");

const SUBJECT = digestOf(FILES.manifest);

/** What refers to the image of the index, each in the form that its kind has. */
export const REFERRERS: readonly BundleReferrer[] = [
  {
    descriptor: {
      ...describe(MEDIA_TYPE.ociManifest, Buffer.from("a notation signature")),
      artifactType: "application/vnd.cncf.notary.signature",
    },
    subject: SUBJECT,
  },
  {
    descriptor: {
      ...describe(MEDIA_TYPE.ociManifest, Buffer.from("a Sigstore bundle")),
      artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      annotations: { "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1" },
    },
    subject: SUBJECT,
  },
  {
    descriptor: { ...describe(MEDIA_TYPE.ociManifest, Buffer.from("cosign's")), artifactType: MEDIA_TYPE.ociConfig },
    subject: SUBJECT,
    tag: `sha256-${SUBJECT.slice("sha256:".length)}.sig`,
  },
].toSorted((a, b) => (a.descriptor.digest < b.descriptor.digest ? -1 : 1));

/** An index of these files. Golden bytes are made of it: a change here changes them. */
export const INDEX: BundleIndex = {
  formatVersion: 1,
  identity: {
    stream: "bundle.tar",
    serial: 1_700_000_000,
    created: "2023-11-14T22:13:20Z",
    previous: digestOf(Buffer.from("the bundle before")),
  },
  keyId: "x6oXQ5pFkBzBSvTlKPBA3kMvYVPBkSOKpyj4Vf1hPIE=",
  images: [
    {
      name: "docker.io/library/app:1.0",
      requested: "app:1.0",
      source: "docker.io/library/app",
      root: describe(MEDIA_TYPE.ociManifest, FILES.manifest),
      platforms: ["linux/amd64"],
      omitted: [
        {
          descriptor: {
            ...describe(MEDIA_TYPE.ociManifest, Buffer.from("for Windows")),
            platform: { os: "windows", architecture: "amd64", "os.version": "10.0.20348.1" },
          },
          reason: "platform",
        },
      ],
    },
  ],
  entries: [
    { path: "oci-layout", digest: digestOf(FILES.ociLayout), size: FILES.ociLayout.length },
    { path: "index.json", digest: digestOf(FILES.ociIndex), size: FILES.ociIndex.length },
    { path: "manifest.json", digest: digestOf(FILES.dockerManifest), size: FILES.dockerManifest.length },
    ...[FILES.manifest, FILES.config, FILES.layer].map((bytes) => {
      const digest = digestOf(bytes);
      return { path: blobPath(digest), digest, size: bytes.length };
    }),
    { path: blobPath(longDigest), digest: longDigest, size: FILES.longHash.length },
  ],
};

/** The same index, of a delta that leaves out the first layer. */
export const DELTA_INDEX: BundleIndex = {
  ...INDEX,
  delta: {
    bases: [
      {
        kind: "bundle",
        stream: "bundle",
        serial: 1_699_000_000,
        created: "2023-11-03T08:26:40Z",
        indexDigest: digestOf(Buffer.from("the bundle before")),
      },
    ],
    leftOut: [{ digest: digestOf(FILES.layer), base: 0, repository: "library/app" }],
  },
};

/** What a registry has. */
export const INVENTORY: Omit<Inventory, "formatVersion"> = {
  registry: "reg.internal:5000",
  created: "2023-11-14T22:13:20Z",
  repositories: [
    {
      name: "mirror/library/app",
      blobs: [FILES.layer, FILES.config].map((bytes) => ({ digest: digestOf(bytes), size: bytes.length })),
    },
    { name: "team/empty", blobs: [] },
  ],
};
