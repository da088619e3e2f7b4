import type { Digest } from "../oci/index.js";

/** What an operation says while it runs. */
export type OperationEvent =
  /** A step begins that the user may want to know of. */
  | { readonly type: "step"; readonly text: string }
  /** Something is not as it should be, yet the operation goes on. */
  | { readonly type: "warning"; readonly text: string }
  /** The number of bytes and blobs to come is known. */
  | { readonly type: "total"; readonly bytes: number; readonly blobs: number }
  | { readonly type: "blob-started"; readonly digest: Digest; readonly bytes: number }
  /** `bytes` more of the blob have passed; negative when a new try begins. */
  | { readonly type: "blob-progress"; readonly digest: Digest; readonly bytes: number }
  | { readonly type: "blob-finished"; readonly digest: Digest };

/** Takes the events of an operation; it must not throw. */
export type EventListener = (event: OperationEvent) => void;
