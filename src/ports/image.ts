import type { Readable } from "node:stream";
import type { Descriptor, RawManifest, Reference } from "../oci/index.js";

/** What every call that may take long accepts. */
export interface Op {
  /** Ends the call early; it then fails with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Takes the next bytes of a blob, at their position in it. They are lent: once
 * the promise has settled, their memory is used for others.
 */
export type TakeChunk = (chunk: Uint8Array, position: number) => Promise<void>;

/** The first bytes of a blob, from an earlier run or another file. They may be wrong. */
export interface HeldBytes {
  /** In bytes; at most the blob's size. */
  readonly length: number;
  /**
   * Called in order, from the first byte on; again from there, if another place
   * is asked. The memory is the caller's from then on.
   */
  read(position: number, length: number): Promise<Uint8Array>;
}

/** What {@link BlobSource.fetchBlob} accepts. */
export interface FetchOp extends Op {
  /**
   * What is there already: it is hashed first, and only what follows is fetched
   * and given. If it is wrong, or cannot be read, the whole blob is.
   */
  readonly held?: HeldBytes;
  /** Give no byte twice, as for a pipe: rather fail. */
  readonly once?: true;
}

/** A place that blobs are read from. */
export interface BlobSource {
  /**
   * Gives a blob to `take`, chunk by chunk, in order. Only once the promise is
   * fulfilled are size and digest known to be the descriptor's; no more bytes
   * than its size are ever given. When a connection breaks in the middle, or
   * what was held is wrong, it may begin again at position 0.
   *
   * @throws SealiftError as {@link ImageSource.resolve}; `DIGEST_MISMATCH`,
   * `SIZE_MISMATCH`; or whatever `take` fails with.
   */
  fetchBlob(descriptor: Descriptor, take: TakeChunk, op?: FetchOp): Promise<void>;
}

/** Whether blobs can be read from a destination. */
export function isBlobSource(destination: object): destination is BlobSource {
  return "fetchBlob" in destination && typeof destination.fetchBlob === "function";
}

/** A repository, or another place, that images are read from. */
export interface ImageSource extends BlobSource, AsyncDisposable {
  /**
   * The descriptor of what a tag or a digest names now.
   *
   * @throws SealiftError `NOT_FOUND`, `UNAUTHORIZED`, `DENIED`, `UNREACHABLE`,
   * `REGISTRY_FAILED`, `REGISTRY_PROTOCOL`, `UNSUPPORTED_MANIFEST` (schema 1).
   */
  resolve(reference: Reference, op?: Op): Promise<Descriptor>;

  /**
   * The exact bytes of a manifest or index. They have the descriptor's digest
   * and size, and are at most `MAX_MANIFEST_SIZE`.
   *
   * @throws SealiftError as `resolve`, and `DIGEST_MISMATCH`, `SIZE_MISMATCH`.
   */
  fetchManifest(descriptor: Descriptor, op?: Op): Promise<RawManifest>;
}

/** A source that asks mirrors. */
export interface MirroredSource {
  /** The registry and the repository that gave a manifest; undefined as long as none has. */
  giverOf(manifest: Descriptor): string | undefined;
}

/** Whether a source is a {@link MirroredSource}. */
export function isMirroredSource(source: object): source is MirroredSource {
  return "giverOf" in source && typeof source.giverOf === "function";
}

/** A repository, or another place, that images are written to. */
export interface ImageDestination extends AsyncDisposable {
  /**
   * Whether the blob or manifest is there already, with its digest and size.
   *
   * @throws SealiftError `UNAUTHORIZED`, `DENIED`, `UNREACHABLE`, `REGISTRY_FAILED`,
   * `REGISTRY_PROTOCOL`.
   */
  has(descriptor: Descriptor, op?: Op): Promise<boolean>;

  /**
   * Stores a blob. `open` is called once for each try and gives a stream that
   * fails before its end unless the bytes are the descriptor's; nothing is
   * stored then, and no try follows.
   *
   * @throws SealiftError as `has`, and whatever `open` and its stream fail with.
   */
  putBlob(descriptor: Descriptor, open: () => Promise<Readable>, op?: Op): Promise<void>;

  /**
   * Stores a manifest under `tag`, or by its digest if none is given. All it
   * refers to must be there. A tag that names the manifest already is left alone.
   *
   * @throws SealiftError as `has`; `REGISTRY_PROTOCOL` if the destination stored
   * something else.
   */
  putManifest(manifest: RawManifest, tag?: string, op?: Op): Promise<void>;
}

/** A destination that can take a blob from another repository without its bytes being sent. */
export interface BlobMounter {
  /**
   * Makes a blob of the repository `from`, of the same registry, available here.
   *
   * @returns false if the registry would not; the blob must then be put.
   * @throws SealiftError as {@link ImageDestination.has}.
   */
  mountBlob(descriptor: Descriptor, from: Reference, op?: Op): Promise<boolean>;
}

/** Whether a destination is a {@link BlobMounter}. */
export function isBlobMounter(destination: object): destination is BlobMounter {
  return "mountBlob" in destination && typeof destination.mountBlob === "function";
}
