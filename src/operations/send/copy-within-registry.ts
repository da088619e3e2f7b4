import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import { isSealiftError, SealiftError } from "../../errors/index.js";
import { type Descriptor, formatRepository, type Reference } from "../../oci/index.js";
import {
  type BlobSource,
  type EventListener,
  type ImageDestination,
  isBlobSource,
  type Op,
} from "../../ports/index.js";

/** A repository that has a blob, and what reads from it. */
export interface BlobHolder {
  readonly reference: Reference;
  readonly destination: ImageDestination;
}

/**
 * Copies a blob from one repository to another by way of this machine, where the
 * registry does not mount it. It is verified on its way, and never on a disk or
 * in memory as a whole.
 *
 * @throws SealiftError `DIGEST_MISMATCH`, `SIZE_MISMATCH` if what the holder
 * gives is damaged, and nothing is stored then; as `BlobSource.fetchBlob` and
 * `ImageDestination.putBlob`.
 */
export async function copyBlob(
  descriptor: Descriptor,
  from: BlobHolder,
  to: ImageDestination,
  { onEvent, signal }: Op & { readonly onEvent: EventListener },
): Promise<void> {
  const { digest, size } = descriptor;
  const { destination: source } = from;
  if (!isBlobSource(source)) {
    throw new SealiftError("USAGE", `expected ${formatRepository(from.reference)} to give ${digest}, but it cannot`);
  }
  onEvent({ type: "blob-started", digest, bytes: size });
  let sent = 0;
  const open = async () => {
    onEvent({ type: "blob-progress", digest, bytes: -sent });
    sent = 0;
    const onBytes = (bytes: number): void => {
      sent += bytes;
      onEvent({ type: "blob-progress", digest, bytes });
    };
    return blobStream(descriptor, source, onBytes, signal);
  };
  try {
    await to.putBlob(descriptor, open, signal && { signal });
  } catch (error) {
    throw isSealiftError(error, "DIGEST_MISMATCH", "SIZE_MISMATCH") ? damagedCopy(error, from) : error;
  }
  onEvent({ type: "blob-finished", digest });
}

/** A blob as a stream that gives its last bytes only once all are known to be right. */
function blobStream(
  descriptor: Descriptor,
  source: BlobSource,
  onBytes: (bytes: number) => void,
  outer: AbortSignal | undefined,
): Readable {
  const stream = new PassThrough();
  const closed = new AbortController();
  stream.once("close", () => {
    closed.abort();
  });
  const signal = outer === undefined ? closed.signal : AbortSignal.any([outer, closed.signal]);
  let held = Buffer.alloc(0);
  let next = 0;
  const take = async (chunk: Uint8Array, position: number): Promise<void> => {
    if (position !== next) throw new Error(`byte ${next} of a blob was to come, and byte ${position} came`);
    next += chunk.length;
    onBytes(chunk.length);
    const hasRoom = stream.write(held);
    // The chunk is lent only until this has settled.
    held = Buffer.from(chunk);
    if (!hasRoom) await once(stream, "drain", { signal });
  };
  source.fetchBlob(descriptor, take, { signal, once: true }).then(
    () => stream.end(held),
    (error: unknown) => stream.destroy(error instanceof Error ? error : new Error("a blob did not come")),
  );
  return stream;
}

function damagedCopy(error: SealiftError, { reference }: BlobHolder): SealiftError {
  const { code, message } = error;
  return new SealiftError(code, `the copy in ${formatRepository(reference)} is damaged: ${message}`, {
    hint: "remove that blob from the registry, and import a bundle that holds it",
    cause: error,
  });
}
