import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { SealiftError } from "../errors/index.js";
import { type Digest, type DigestAlgorithm, finishDigest } from "../oci/index.js";
import { COMPRESSION_MAGIC_LENGTH, compressionOf, unpacked } from "./unpack.js";

/**
 * The digest of a layer unpacked (its diffID): of gzip, zstd, or the plain tar.
 *
 * @param layer - The layer as it is stored; it is read to its end, or destroyed.
 * @param algorithm - The one that the expected diffID has.
 * @param maxSize - How many bytes may come out: what bounds the time a bomb takes.
 * @throws SealiftError `MANIFEST_INVALID` if more come out, or it cannot be
 * unpacked; and what `layer` fails with.
 */
export async function unpackedDigest(layer: Readable, algorithm: DigestAlgorithm, maxSize: number): Promise<Digest> {
  const hash = createHash(algorithm);
  let size = 0;
  const consume = (chunk: Uint8Array): void => {
    size += chunk.length;
    if (size > maxSize) {
      throw new SealiftError("MANIFEST_INVALID", `expected a layer of at most ${maxSize} bytes unpacked, got more`);
    }
    hash.update(chunk);
  };
  try {
    const { head, rest } = await peek(markFailure(layer));
    // A layer is named by what its bytes are, not by its media type, as every
    // runtime does (containerd pkg/archive/compression, moby pkg/archive).
    const compression = compressionOf(head);
    for await (const chunk of compression === undefined ? rest : unpacked(rest, compression)) consume(chunk);
  } catch (error) {
    throw error instanceof LayerFailure ? error.cause : asUnpackError(error);
  } finally {
    layer.destroy();
  }
  return finishDigest(hash, algorithm);
}

async function peek(layer: AsyncIterable<Uint8Array>): Promise<{ head: Buffer; rest: AsyncIterable<Uint8Array> }> {
  const iterator = layer[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < COMPRESSION_MAGIC_LENGTH) {
    const next = await iterator.next();
    if (next.done === true) break;
    chunks.push(next.value);
    length += next.value.length;
  }
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    yield* chunks;
    yield* { [Symbol.asyncIterator]: () => iterator };
  };
  return { head: Buffer.concat(chunks).subarray(0, COMPRESSION_MAGIC_LENGTH), rest: rest() };
}

/** What the layer itself failed with, which says nothing about its content. */
class LayerFailure extends Error {
  constructor(cause: unknown) {
    super("the layer cannot be read", { cause });
  }
}

async function* markFailure(layer: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* layer;
  } catch (error) {
    throw new LayerFailure(error);
  }
}

function asUnpackError(error: unknown): unknown {
  if (error instanceof SealiftError || !(error instanceof Error)) return error;
  return new SealiftError("MANIFEST_INVALID", `expected a layer that can be unpacked, got ${error.message}`, {
    cause: error,
  });
}
