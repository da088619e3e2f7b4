export type { EventListener, OperationEvent } from "./events.js";
export {
  type BlobMounter,
  type ImageDestination,
  type ImageSource,
  isBlobMounter,
  type Op,
  type TakeChunk,
} from "./image.js";
export type { DigestOp, RandomAccessSink, RandomAccessSource } from "./random-access.js";
export type { SignatureVerifier, Signer } from "./signature.js";
