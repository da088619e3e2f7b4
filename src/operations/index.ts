export type { ImageFailure } from "./collect/expand-images.js";
export type { DamagedBytes, DamagedPlace, Fault, Finding } from "./damage/damage.js";
export { type HeldBlobs, heldByBundle, heldByDocument } from "./delta/held-blobs.js";
export type { DeltaSummary } from "./delta/left-out.js";
export {
  type AddedImage,
  type BlobTally,
  type ChangedImage,
  type Changes,
  type ComparedBundle,
  type ComparedImage,
  type DiffResult,
  diffBundles,
} from "./diff.js";
export { type ExportResult, exportImages } from "./export.js";
export { type DamageReport, findDamage } from "./find-damage.js";
export type { PlatformChoice } from "./graph/platform-selection.js";
export { type ImportedImage, type ImportResult, importBundle } from "./import.js";
export { importStream } from "./import-stream.js";
export { type InspectResult, inspectBundle, inspectStream } from "./inspect.js";
export { listTags, type TagsResult } from "./list-tags.js";
export { type MakePatchResult, makePatch } from "./make-patch.js";
export { type MergeResult, mergeBundles } from "./merge.js";
export { type QuickVerifyResult, quickVerifyBundle } from "./quick-verify.js";
export type { TakenBlobs } from "./read/bundle-blobs.js";
export { repairBundle } from "./repair.js";
export { type InventoryFailure, takeInventory } from "./take-inventory.js";
export { type VerifyResult, verifyBundle } from "./verify.js";
export { verifyStream } from "./verify-stream.js";
export { nextIdentity, readReplaced } from "./write/bundle-identity.js";
