export {
  type BundleEntry,
  type BundleIdentity,
  type BundleImage,
  type BundleIndex,
  type BundleReferrer,
  blobPath,
  encodeBundleIndex,
  FORMAT_VERSION,
  MAX_INDEX_SIZE,
  type Omission,
  parseBundleIndex,
  referrerKey,
} from "./bundle-index.js";
export {
  type BundleLayout,
  describeHeader,
  HEADER_BLOCK_SIZE,
  headerOf,
  type PlacedEntry,
  type PlacedFile,
  placeFile,
  planLayout,
  positionAfter,
  statedSize,
} from "./layout.js";
export {
  chooseLoadable,
  encodeDockerManifest,
  encodeOciIndex,
  encodeOciLayout,
  type LoadableImage,
  MAX_READABLE_DOCKER_MANIFEST,
} from "./loader-documents.js";
export {
  BUNDLE_INDEX_PATH,
  DOCKER_MANIFEST_PATH,
  OCI_INDEX_PATH,
  OCI_LAYOUT_PATH,
  SIGNATURE_PATH,
} from "./paths.js";
