import { describe, expect, test } from "vitest";
import {
  isForeignLayerMediaType,
  isImageConfigMediaType,
  isImageManifestMediaType,
  isIndexMediaType,
  MANIFEST_MEDIA_TYPES,
} from "../../src/oci/index.js";
import { isSchema1MediaType } from "../../src/oci/media-types.js";

const OCI = "application/vnd.oci.image";
const DOCKER = "application/vnd.docker";

const KINDS = {
  index: isIndexMediaType,
  manifest: isImageManifestMediaType,
  config: isImageConfigMediaType,
  schema1: isSchema1MediaType,
  foreign: isForeignLayerMediaType,
};

// image-spec media-types.md, distribution manifest-v2-2.md
const TABLE: readonly (readonly [string, keyof typeof KINDS | "none"])[] = [
  [`${OCI}.index.v1+json`, "index"],
  [`${DOCKER}.distribution.manifest.list.v2+json`, "index"],
  [`${OCI}.manifest.v1+json`, "manifest"],
  [`${DOCKER}.distribution.manifest.v2+json`, "manifest"],
  [`${OCI}.config.v1+json`, "config"],
  [`${DOCKER}.container.image.v1+json`, "config"],
  [`${DOCKER}.distribution.manifest.v1+json`, "schema1"],
  [`${DOCKER}.distribution.manifest.v1+prettyjws`, "schema1"],
  [`${OCI}.layer.nondistributable.v1.tar`, "foreign"],
  [`${OCI}.layer.nondistributable.v1.tar+gzip`, "foreign"],
  [`${OCI}.layer.nondistributable.v1.tar+zstd`, "foreign"],
  [`${DOCKER}.image.rootfs.foreign.diff.tar`, "foreign"],
  [`${DOCKER}.image.rootfs.foreign.diff.tar.gzip`, "foreign"],
  [`${OCI}.layer.v1.tar`, "none"],
  [`${OCI}.layer.v1.tar+gzip`, "none"],
  [`${DOCKER}.image.rootfs.diff.tar.gzip`, "none"],
  [`${OCI}.empty.v1+json`, "none"],
  ["application/vnd.cncf.helm.config.v1+json", "none"],
  ["application/json", "none"],
  [`${OCI}.manifest.v1+json; charset=utf-8`, "none"],
  ["", "none"],
];

describe("media types", () => {
  test.each(TABLE)("%j is one of: %s", (mediaType, expected) => {
    const kinds = Object.entries(KINDS).filter(([, isOfKind]) => isOfKind(mediaType));
    expect(kinds.map(([kind]) => kind)).toEqual(expected === "none" ? [] : [expected]);
  });

  test("a client takes exactly the indexes and manifests", () => {
    const taken = TABLE.filter(([, kind]) => kind === "index" || kind === "manifest").map(([mediaType]) => mediaType);
    expect([...MANIFEST_MEDIA_TYPES].sort()).toEqual(taken.sort());
  });
});
