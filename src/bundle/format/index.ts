export {
  type BundleEntry,
  type BundleIdentity,
  type BundleImage,
  type BundleIndex,
  blobPath,
  encodeBundleIndex,
  FORMAT_VERSION,
  MAX_INDEX_SIZE,
  type Omission,
  parseBundleIndex,
} from "./bundle-index.js";
export { type BundleLayout, headerOf, type PlacedEntry, type PlacedFile, planLayout } from "./layout.js";
export {
  chooseLoadable,
  encodeDockerManifest,
  encodeOciIndex,
  encodeOciLayout,
  type LoadableImage,
  type LoadableManifest,
} from "./loader-documents.js";
export {
  BUNDLE_INDEX_PATH,
  DOCKER_MANIFEST_PATH,
  OCI_INDEX_PATH,
  OCI_LAYOUT_PATH,
  SIGNATURE_PATH,
  SIGSTORE_BUNDLE_PATH,
} from "./paths.js";
