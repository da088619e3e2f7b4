export type { EventListener, OperationEvent } from "./events.js";
export {
  type BlobMounter,
  type BlobSource,
  type FetchOp,
  type HeldBytes,
  type ImageDestination,
  type ImageSource,
  isBlobMounter,
  isBlobSource,
  isMirroredSource,
  type MirroredSource,
  type Op,
  type TakeChunk,
} from "./image.js";
export type { ImageLock } from "./image-lock.js";
export {
  type FilePlace,
  isListedSource,
  isPartedSource,
  isPlacedSource,
  isSizeExplainer,
  type ListedSource,
  type PartedSource,
  type PlacedSource,
  type SizeExplainer,
} from "./parts.js";
export type { CommitOp, DigestOp, RandomAccessSink, RandomAccessSource } from "./random-access.js";
export type { ReadBack, ReadBackOrigin } from "./read-back.js";
export {
  type FoundReferrer,
  isManifestReader,
  isReferrerLister,
  isReferrerStore,
  type ReferrerLister,
  type ReferrerListing,
  type ReferrerStore,
} from "./referrers.js";
export type { RepairTarget } from "./repair.js";
export type { RepositoryLister } from "./repositories.js";
export { isResumableSink, type JournaledBlob, type Leftover, type ResumableSink } from "./resume.js";
export type { SequentialSource } from "./sequential.js";
export type { SignatureVerifier, Signer } from "./signature.js";
export { isTagLister, type TagLister } from "./tags.js";
