export { nextIdentity, readReplaced } from "./bundle-identity.js";
export type { DamagedBytes, DamagedPlace, Fault, Finding } from "./damage.js";
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
export type { ImageFailure } from "./expand-images.js";
export { type ExportResult, exportImages } from "./export.js";
export { type DamageReport, findDamage } from "./find-damage.js";
export { type HeldBlobs, heldByBundle, heldByDocument } from "./held-blobs.js";
export { importStream } from "./import-stream.js";
export { type ImportedImage, type ImportResult, importBundle } from "./import.js";
export { type InspectResult, inspectBundle, inspectStream } from "./inspect.js";
export type { DeltaSummary } from "./left-out.js";
export type { TakenBlobs } from "./bundle-blobs.js";
export { type MergeResult, mergeBundles } from "./merge.js";
export { listTags, type TagsResult } from "./list-tags.js";
export { makePatch, type MakePatchResult } from "./make-patch.js";
export type { PlatformChoice } from "./platform-selection.js";
export { quickVerifyBundle, type QuickVerifyResult } from "./quick-verify.js";
export { repairBundle } from "./repair.js";
export { verifyStream } from "./verify-stream.js";
export { type InventoryFailure, takeInventory } from "./take-inventory.js";
export { type VerifyResult, verifyBundle } from "./verify.js";
