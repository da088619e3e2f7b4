import { SealiftError } from "../../errors/index.js";
import type { Descriptor } from "../../oci/index.js";
import type { ImageSource, Op } from "../../ports/index.js";

/**
 * The verified bytes of a small blob.
 *
 * @param maxSize - In bytes.
 * @throws SealiftError `MANIFEST_INVALID` if its descriptor states more, and as `ImageSource.fetchBlob`.
 */
export async function readBlob(
  source: ImageSource,
  descriptor: Descriptor,
  maxSize: number,
  op: Op,
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (size > maxSize) {
    throw new SealiftError(
      "MANIFEST_INVALID",
      `expected config ${digest} to have at most ${maxSize} bytes, got ${size}`,
    );
  }
  const bytes = Buffer.alloc(size);
  const take = async (chunk: Uint8Array, position: number): Promise<void> => {
    bytes.set(chunk, position);
  };
  await source.fetchBlob(descriptor, take, op);
  return bytes;
}
