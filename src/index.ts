/**
 * Sealift's public API: what the `sealift` command does, as functions.
 *
 * @packageDocumentation
 */
export type { Delta, DeltaBase, LeftOutBlob } from "./bundle/format/index.js";
export type { BundleIdentity, BundleImage, BundleIndex, BundleReferrer, Omission } from "./bundle/format/index.js";
export { parseVolumeSize, type VolumePart, type Volumes } from "./bundle/index.js";
export {
  type BundlePaths,
  type CommonOptions,
  type DamageOptions,
  type DiffFilesOptions,
  diffFiles,
  type ExportToFileOptions,
  type ExportToFileResult,
  type ExportToStreamOptions,
  type ExportToStreamResult,
  exportToFile,
  exportToStream,
  type FindDamageInFileOptions,
  findDamageInFile,
  type ImportFileOptions,
  type InventoryToFileOptions,
  type InventoryToFileResult,
  importFile,
  inspectFile,
  inventoryToFile,
  type LogInOptions,
  type LogInResult,
  type LogOutResult,
  listRepositoryTags,
  logIn,
  logOut,
  type MakePatchFileOptions,
  type MergeFilesOptions,
  type MergeFilesResult,
  makePatchFile,
  mergeFiles,
  type OutputOptions,
  quickVerifyFile,
  type ReadingOptions,
  type RegistryOptions,
  type RepairFileOptions,
  type RepairFileResult,
  repairFile,
  type VerifyFileOptions,
  verifyFile,
  type WrittenBundle,
} from "./composition/index.js";
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
