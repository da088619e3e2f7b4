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
  areWithin,
  type ByteRange,
  endOfRange,
  MAX_RANGES,
  mergeRanges,
  rangesIn,
} from "./byte-ranges.js";
export {
  CHUNK_SIZE,
  CHUNK_SUM_SIZE,
  ChunkSummer,
  chunkCount,
  chunkSumsSize,
  isChunkSumsFile,
  loadXxh64,
  type Xxh64,
} from "./chunk-sums.js";
export {
  type DamageRequest,
  encodeRequest,
  HEAD_REQUEST,
  MAX_REQUEST_SIZE,
  parseRequest,
  rangesRequest,
} from "./damage-request.js";
export type { BaseBundle, Delta, DeltaBase, LeftOutBlob } from "./delta.js";
export { type BundleForm, entriesOf, type FormMark, formAt, formMark, planForm } from "./forms.js";
export {
  encodeInventory,
  type Inventory,
  type InventoryRepository,
  MAX_INVENTORY_SIZE,
  parseInventory,
} from "./inventory.js";
export {
  type BundleLayout,
  describeHeader,
  filesOf,
  isTarHeader,
  HEADER_BLOCK_SIZE,
  headerOf,
  type PlacedEntry,
  type PlacedFile,
  type PreambleSizes,
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
  encodePatchIndex,
  MAX_PATCH_INDEX_SIZE,
  PATCH_INDEX_PATH,
  type PatchIndex,
  type PatchLayout,
  parsePatchIndex,
  planPatch,
} from "./patch.js";
export {
  BUNDLE_INDEX_PATH,
  DOCKER_MANIFEST_PATH,
  OCI_INDEX_PATH,
  OCI_LAYOUT_PATH,
  SIGNATURE_PATH,
} from "./paths.js";
export {
  absentOf,
  type ChunkPiece,
  chunksOf,
  type FramePiece,
  framesOf,
  lengthOf,
  piecesOf,
} from "./pieces.js";
export { type DamagedRange, WrittenCheck, type WrittenDamage } from "./written-check.js";
