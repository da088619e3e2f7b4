import type { Descriptor } from "../../src/oci/index.js";
import type { ImageSource, Op } from "../../src/ports/index.js";

/** The whole of a blob, once it was found to be right; what was given twice is there once. */
export async function fetchBytes(source: ImageSource, descriptor: Descriptor, op?: Op): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let end = 0;
  await source.fetchBlob(
    descriptor,
    async (chunk, position) => {
      if (position === 0) chunks.length = end = 0;
      if (position !== end) throw new Error(`expected a chunk at ${end}, got one at ${position}`);
      // They are only lent.
      chunks.push(Buffer.from(chunk));
      end += chunk.length;
    },
    op,
  );
  return Buffer.concat(chunks);
}
