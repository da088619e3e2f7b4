/** What was done with the blobs of an import, or would be. */
export interface BlobCounts {
  /** Sent from the bundle. */
  transferred: number;
  /** In bytes. */
  transferredBytes: number;
  /** Made available from another repository of the registry. */
  mounted: number;
  /** Found in their repository. */
  present: number;
  /** Read from another repository of the registry, which does not mount, and sent: of those that are not at hand. */
  copied: number;
  /** In bytes. */
  copiedBytes: number;
}

/** Counts before anything was done. */
export function noBlobs(): BlobCounts {
  return { transferred: 0, transferredBytes: 0, mounted: 0, present: 0, copied: 0, copiedBytes: 0 };
}

/** What was done in two steps. */
export function addCounts(a: Readonly<BlobCounts>, b: Readonly<BlobCounts>): BlobCounts {
  return {
    transferred: a.transferred + b.transferred,
    transferredBytes: a.transferredBytes + b.transferredBytes,
    mounted: a.mounted + b.mounted,
    present: a.present + b.present,
    copied: a.copied + b.copied,
    copiedBytes: a.copiedBytes + b.copiedBytes,
  };
}
