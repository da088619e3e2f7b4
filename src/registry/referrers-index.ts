import * as z from "zod";
import { SealiftError } from "../errors/index.js";
import { digestOf, MAX_MANIFEST_SIZE, MEDIA_TYPE, parseJson, parseReferrer, type RawManifest } from "../oci/index.js";

// Whatever else somebody wrote into the index or its descriptors stays there.
const indexSchema = z.looseObject({
  manifests: z.array(z.looseObject({ digest: z.string() })).nullish(),
});

/**
 * The index of a subject's referrers with more of them in it: what the list
 * held before, untouched, then what it lacked.
 *
 * @param old - What the registry has; undefined if nothing.
 * @param what - Names the index in errors.
 * @returns undefined if the list has them all.
 * @throws SealiftError `REGISTRY_PROTOCOL` if the old one cannot be read, or the new one is too large.
 */
export function withReferrers(
  old: RawManifest | undefined,
  manifests: readonly RawManifest[],
  what: string,
): RawManifest | undefined {
  const index = old && parseJson(old.bytes, indexSchema, what, "REGISTRY_PROTOCOL");
  const listed = index?.manifests ?? [];
  const digests = new Set<string>(listed.map(({ digest }) => digest));
  const missing = manifests.filter(({ descriptor }) => !digests.has(descriptor.digest));
  if (missing.length === 0) return undefined;
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      ...index,
      manifests: [...listed, ...missing.map(listedAs)],
    }),
  );
  if (bytes.length > MAX_MANIFEST_SIZE) {
    throw new SealiftError(
      "REGISTRY_PROTOCOL",
      `expected ${what} to take at most ${MAX_MANIFEST_SIZE} bytes, got ${bytes.length} with the new ones`,
      { hint: "remove old signatures and attestations of this image from the registry" },
    );
  }
  const mediaType = old?.descriptor.mediaType ?? MEDIA_TYPE.ociIndex;
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/** What the list says of a referrer (distribution-spec, "Pushing Manifests with Subject"). */
function listedAs(manifest: RawManifest): object {
  const { mediaType, digest, size } = manifest.descriptor;
  const { artifactType, annotations } = parseReferrer(manifest);
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}
