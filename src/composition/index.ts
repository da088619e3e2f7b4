export {
  type DamageOptions,
  type FindDamageInFileOptions,
  findDamageInFile,
  quickVerifyFile,
} from "./damage.js";
export { type DiffFilesOptions, diffFiles } from "./diff.js";
export {
  type ExportToFileOptions,
  type ExportToFileResult,
  type ExportToStreamOptions,
  type ExportToStreamResult,
  exportToFile,
  exportToStream,
} from "./export.js";
export { type ImportFileOptions, importFile } from "./import.js";
export { inspectFile } from "./inspect.js";
export { type InventoryToFileOptions, type InventoryToFileResult, inventoryToFile } from "./inventory.js";
export { type LogInOptions, type LogInResult, type LogOutResult, logIn, logOut } from "./login.js";
export { type MergeFilesOptions, type MergeFilesResult, mergeFiles } from "./merge.js";
export type { BundlePaths, ReadingOptions } from "./opening.js";
export type { CommonOptions, RegistryOptions } from "./options.js";
export { type MakePatchFileOptions, makePatchFile } from "./patch.js";
export { type RepairFileOptions, type RepairFileResult, repairFile } from "./repair.js";
export { listRepositoryTags } from "./tags.js";
export { type VerifyFileOptions, verifyFile } from "./verify.js";
export type { OutputOptions, WrittenBundle } from "./writing.js";
