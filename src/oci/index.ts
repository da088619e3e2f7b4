export {
  type Descriptor,
  descriptorSchema,
  digestSchema,
  mediaTypeSchema,
  type RawManifest,
  sizeSchema,
} from "./descriptor.js";
export {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  digestOf,
  finishDigest,
  isDigest,
  parseDigest,
  shortDigest,
} from "./digest.js";
export { MAX_CONFIG_SIZE, parseImageConfig } from "./image-config.js";
export { isAmbiguousJson, listOf, objectOf, parseJson } from "./json.js";
export {
  assertManifestMediaType,
  type ImageIndex,
  type ImageManifest,
  MAX_MANIFEST_SIZE,
  parseManifest,
} from "./manifest.js";
export {
  isForeignLayerMediaType,
  isImageConfigMediaType,
  isImageManifestMediaType,
  isIndexMediaType,
  MANIFEST_MEDIA_TYPES,
  MEDIA_TYPE,
} from "./media-types.js";
export { formatPlatform, isUnknownPlatform, type Platform, parsePlatform, platformMatches } from "./platform.js";
export {
  formatReference,
  formatRepository,
  isRegistry,
  isRepository,
  isTag,
  parseDestination,
  parseReference,
  type Reference,
} from "./reference.js";
export { attachmentTags, parseReferrer, type ReferrerStatement, referrersTag } from "./referrer.js";
