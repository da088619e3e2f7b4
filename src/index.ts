/**
 * Sealift's public API: what the `sealift` command does, as functions.
 *
 * @packageDocumentation
 */
export type { BundleIdentity, BundleImage, BundleIndex, Omission } from "./bundle/format/index.js";
export {
  type CommonOptions,
  type ExportToFileOptions,
  exportToFile,
  type ImportFileOptions,
  importFile,
  inspectFile,
  type VerifyFileOptions,
  verifyFile,
} from "./composition.js";
export { type ErrorCode, type ExitCode, exitCodeOf, isSealiftError, SealiftError } from "./errors/index.js";
export { type Digest, type Platform, parsePlatform, parseReference, type Reference } from "./oci/index.js";
export type {
  ExportResult,
  ImageFailure,
  ImportedImage,
  ImportResult,
  InspectResult,
  VerifyResult,
} from "./operations/index.js";
export type { EventListener, OperationEvent, SignatureVerifier, Signer } from "./ports/index.js";
export {
  type KeyFiles,
  loadTrustedKeys,
  readSigner,
  readVerifier,
  type TrustPolicy,
  trustedKeysFolder,
  writeKeyPair,
} from "./signing/index.js";
