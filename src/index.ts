/**
 * Sealift's public API: what the `sealift` command does, as functions.
 *
 * @packageDocumentation
 */
export type { BundleIdentity, BundleImage, BundleIndex, BundleReferrer, Omission } from "./bundle/format/index.js";
export {
  type CommonOptions,
  type ExportToFileOptions,
  type ExportToFileResult,
  exportToFile,
  type ImportFileOptions,
  importFile,
  inspectFile,
  type LogInOptions,
  type LogInResult,
  type LogOutResult,
  listRepositoryTags,
  logIn,
  logOut,
  type RegistryOptions,
  type VerifyFileOptions,
  verifyFile,
} from "./composition.js";
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
  ExportResult,
  ImageFailure,
  ImportedImage,
  ImportResult,
  InspectResult,
  TagsResult,
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
