export type { ImageFailure } from "./collect-images.js";
export { type ExportResult, exportImages } from "./export.js";
export { type ImportedImage, type ImportResult, importBundle } from "./import.js";
export { type InspectResult, inspectBundle } from "./inspect.js";
export { looksLikeBundle, openBundle } from "./open-bundle.js";
export type { PlatformChoice } from "./platform-selection.js";
export { type VerifyResult, verifyBundle } from "./verify.js";
