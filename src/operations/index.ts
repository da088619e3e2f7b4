export { nextIdentity, readReplaced } from "./bundle-identity.js";
export type { ImageFailure } from "./expand-images.js";
export { type ExportResult, exportImages } from "./export.js";
export { type ImportedImage, type ImportResult, importBundle } from "./import.js";
export { type InspectResult, inspectBundle } from "./inspect.js";
export { listTags, type TagsResult } from "./list-tags.js";
export type { PlatformChoice } from "./platform-selection.js";
export { type VerifyResult, verifyBundle } from "./verify.js";
