/**
 * Sealift's public API: what the `sealift` command does, as functions.
 *
 * @packageDocumentation
 */
export type { Delta, DeltaBase, LeftOutBlob } from "./bundle/format/index.js";
export type { BundleIdentity, BundleImage, BundleIndex, BundleReferrer, Omission } from "./bundle/format/index.js";
export {
  type BundlePaths,
  type CommonOptions,
  type DiffFilesOptions,
  diffFiles,
  type ExportToFileOptions,
  type ExportToFileResult,
  type ExportToStreamOptions,
  type ExportToStreamResult,
  exportToFile,
  exportToStream,
  type ImportFileOptions,
  importFile,
  inspectFile,
  type LogInOptions,
  type LogInResult,
  type LogOutResult,
  listRepositoryTags,
  logIn,
  logOut,
  type ReadingOptions,
  type MergeFilesOptions,
  type MergeFilesResult,
  mergeFiles,
  type OutputOptions,
  type RegistryOptions,
  type VerifyFileOptions,
  verifyFile,
  type WrittenBundle,
} from "./composition.js";
export { parseVolumeSize, type VolumePart, type Volumes } from "./bundle/index.js";
export {
  type DamageOptions,
  type FindDamageInFileOptions,
  findDamageInFile,
  type MakePatchFileOptions,
  makePatchFile,
  quickVerifyFile,
  type RepairFileOptions,
  type RepairFileResult,
  repairFile,
} from "./composition-repair.js";
export { type InventoryToFileOptions, type InventoryToFileResult, inventoryToFile } from "./composition-inventory.js";
export { type ErrorCode, type ExitCode, exitCodeOf, isSealiftError, SealiftError } from "./errors/index.js";
export { type LockOptions, MAX_LIST_SIZE, parseImageList, parseImages, readImageList } from "./image-lists/index.js";
export {
  type Digest,
  type Platform,
  parseDestination,
  parsePlatform,
  parseReference,
  type Reference,
} from "./oci/index.js";
export type {
  AddedImage,
  BlobTally,
  ChangedImage,
  Changes,
  DamagedBytes,
  DamagedPlace,
  DamageReport,
  ComparedBundle,
  ComparedImage,
  DeltaSummary,
  DiffResult,
  ExportResult,
  Fault,
  Finding,
  ImageFailure,
  ImportedImage,
  InventoryFailure,
  ImportResult,
  InspectResult,
  MakePatchResult,
  QuickVerifyResult,
  MergeResult,
  TagsResult,
  TakenBlobs,
  VerifyResult,
} from "./operations/index.js";
export type { EventListener, OperationEvent, SignatureVerifier, Signer } from "./ports/index.js";
export type {
  CredentialLookup,
  Credentials,
  CredentialSources,
  LoginPlace,
  PullQuota,
  QuotaPolicy,
  RegistryClientOptions,
  UserPassword,
} from "./registry/index.js";
export {
  type KeyFiles,
  loadTrustedKeys,
  readSigner,
  readVerifier,
  type TrustPolicy,
  trustedKeysFolder,
  writeKeyPair,
} from "./signing/index.js";
