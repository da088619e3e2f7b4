export type { EventListener, OperationEvent } from "./events.js";
export {
  type BlobMounter,
  type ImageDestination,
  type ImageSource,
  isBlobMounter,
  isMirroredSource,
  type MirroredSource,
  type Op,
  type TakeChunk,
} from "./image.js";
export type { ImageLock } from "./image-lock.js";
export type { DigestOp, RandomAccessSink, RandomAccessSource } from "./random-access.js";
export {
  type FoundReferrer,
  isManifestReader,
  isReferrerLister,
  isReferrerStore,
  type ReferrerLister,
  type ReferrerListing,
  type ReferrerStore,
} from "./referrers.js";
export type { SignatureVerifier, Signer } from "./signature.js";
export { isTagLister, type TagLister } from "./tags.js";
