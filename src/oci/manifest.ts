import * as z from "zod";
import { quote, SealiftError } from "../errors/index.js";
import { type Descriptor, descriptorSchema, type RawManifest } from "./descriptor.js";
import { listOf, objectOf, parseJson } from "./json.js";
import { isImageManifestMediaType, isIndexMediaType, isSchema1MediaType } from "./media-types.js";

/**
 * The largest manifest or index that is accepted, in bytes: what the
 * distribution specification asks registries to take at least (spec.md,
 * "Pushing Manifests"), and what distribution and containerd allow at most.
 */
export const MAX_MANIFEST_SIZE = 4 * 1024 * 1024;

/** An image index: one manifest for each platform, and others (image-spec image-index.md). */
export interface ImageIndex {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
}

/** An image manifest: a config and its layers (image-spec manifest.md). */
export interface ImageManifest {
  readonly kind: "manifest";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

// mediaType is optional in OCI documents, and null in some that Go tools wrote.
// Docker allows 127 layers, and the largest published indexes list some hundred
// children. Each takes a hundred times its text in memory.
const MAX_DESCRIPTORS = 10_000;

const indexSchema = objectOf({
  schemaVersion: z.literal(2),
  mediaType: z.string().nullish(),
  manifests: listOf(descriptorSchema).nullable(),
});

const manifestSchema = objectOf({
  schemaVersion: z.literal(2),
  mediaType: z.string().nullish(),
  config: descriptorSchema,
  layers: listOf(descriptorSchema).nullable(),
});

const markersSchema = objectOf({
  schemaVersion: z.number().optional(),
  mediaType: z.string().nullish(),
  manifests: z.unknown().optional(),
  layers: z.unknown().optional(),
  config: z.unknown().optional(),
  fsLayers: z.unknown().optional(),
});

/**
 * Reads a manifest or an index of Docker's schema 2 or of OCI.
 *
 * A document that could be read as both, that states another media type than
 * its descriptor, or that has a member twice, in one spelling or in two (see
 * `objectOf`), is refused: two readers would see two images
 * (CVE-2021-41190, https://github.com/advisories/GHSA-qq97-vm5h-rrhg).
 *
 * @throws SealiftError `UNSUPPORTED_MANIFEST` for schema 1 and unknown media
 * types, `MANIFEST_INVALID` for anything malformed.
 */
export function parseManifest(raw: RawManifest): ImageIndex | ImageManifest {
  const { mediaType, digest } = raw.descriptor;
  const what = `manifest ${digest}`;
  assertManifestMediaType(mediaType, what);
  const markers = parseJson(raw.bytes, markersSchema, what, "MANIFEST_INVALID");
  for (const list of [markers.manifests, markers.layers]) {
    if (!Array.isArray(list) || list.length <= MAX_DESCRIPTORS) continue;
    throw new SealiftError(
      "MANIFEST_INVALID",
      `expected ${what} to list at most ${MAX_DESCRIPTORS} descriptors, got ${list.length}`,
    );
  }
  if (markers.schemaVersion === 1 || markers.fsLayers !== undefined) throw schema1Error(what);
  if (markers.mediaType && markers.mediaType !== mediaType) {
    throw new SealiftError(
      "MANIFEST_INVALID",
      `expected ${what} to state media type ${quote(mediaType)}, got ${quote(markers.mediaType)}`,
    );
  }
  if (markers.manifests !== undefined && (markers.layers !== undefined || markers.config !== undefined)) {
    throw new SealiftError(
      "MANIFEST_INVALID",
      `expected ${what} to be an index or a manifest, got both in one document`,
    );
  }
  if (isIndexMediaType(mediaType)) {
    const { manifests } = parseJson(raw.bytes, indexSchema, what, "MANIFEST_INVALID");
    return { kind: "index", manifests: manifests ?? [] };
  }
  const { config, layers } = parseJson(raw.bytes, manifestSchema, what, "MANIFEST_INVALID");
  return { kind: "manifest", config, layers: layers ?? [] };
}

/**
 * Checks that content of this type is a manifest or an index that is carried.
 *
 * @param what - Names the content in the error.
 * @throws SealiftError `UNSUPPORTED_MANIFEST`.
 */
export function assertManifestMediaType(mediaType: string, what: string): void {
  if (isSchema1MediaType(mediaType)) throw schema1Error(what);
  if (isIndexMediaType(mediaType) || isImageManifestMediaType(mediaType)) return;
  throw new SealiftError(
    "UNSUPPORTED_MANIFEST",
    `expected ${what} to be an OCI or Docker schema 2 manifest or index, got media type ${quote(mediaType)}`,
  );
}

function schema1Error(what: string): SealiftError {
  return new SealiftError("UNSUPPORTED_MANIFEST", `expected ${what} to be of schema 2 or OCI, got Docker schema 1`, {
    hint: "schema 1 was retired in 2020 and cannot be carried unchanged: push the image again with a current Docker, which writes schema 2",
  });
}
