import { createHash } from "node:crypto";
import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { Decompress as ZstdDecompress } from "fzstd";
import { SealiftError } from "../errors/index.js";
import { type Digest, type DigestAlgorithm, finishDigest } from "../oci/index.js";
import { isZstd, zstdPieces } from "./zstd-frames.js";

type Decompressor = Transform & zlib.Zlib;

// A layer is named by what its bytes are, not by its media type, as every
// runtime does (containerd pkg/archive/compression, moby pkg/archive).
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const MAGIC_LENGTH = 4;

// What zstd and Node's binding of it take by default (ZSTD_WINDOWLOG_LIMIT_DEFAULT, zstd.h).
const NATIVE_MAX_WINDOW = 128 * 1024 * 1024;

// fzstd reads 25 bits of a distance at most: beyond 32 MiB it copies wrong bytes.
const FZSTD_MAX_WINDOW = 32 * 1024 * 1024;

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
    await unpack(head, rest, consume);
  } catch (error) {
    throw error instanceof LayerFailure ? error.cause : asUnpackError(error);
  } finally {
    layer.destroy();
  }
  return finishDigest(hash, algorithm);
}

async function unpack(
  head: Buffer,
  layer: AsyncIterable<Uint8Array>,
  consume: (chunk: Uint8Array) => void,
): Promise<void> {
  if (head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) return throughStream(zlib.createGunzip(), layer, consume);
  if (isZstd(head)) return unpackZstd(layer, consume);
  for await (const chunk of layer) consume(chunk);
}

async function unpackZstd(layer: AsyncIterable<Uint8Array>, consume: (chunk: Uint8Array) => void): Promise<void> {
  const native = nativeZstd();
  if (native !== undefined) return throughStream(native, zstdPieces(layer, NATIVE_MAX_WINDOW), consume);
  const decompressor = new ZstdDecompress(consume);
  for await (const piece of zstdPieces(layer, FZSTD_MAX_WINDOW)) decompressor.push(piece);
  decompressor.push(new Uint8Array(0), true);
}

async function throughStream(
  decompressor: Decompressor,
  layer: AsyncIterable<Uint8Array>,
  consume: (chunk: Uint8Array) => void,
): Promise<void> {
  let size = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of layer) {
      size += chunk.length;
      yield chunk;
    }
  };
  await pipeline(counted, decompressor, async (unpacked: AsyncIterable<Uint8Array>) => {
    for await (const chunk of unpacked) consume(chunk);
  });
  // Zeros after the last gzip member end the output without an error, and hide what follows them.
  if (decompressor.bytesWritten < size) throw new Error(`${size - decompressor.bytesWritten} bytes after its end`);
}

// Node has zstd of its own from 22.15 on; fzstd does the same in JavaScript.
function nativeZstd(): Decompressor | undefined {
  const { createZstdDecompress } = zlib as typeof zlib & { createZstdDecompress?: () => Decompressor };
  return createZstdDecompress?.();
}

async function peek(layer: AsyncIterable<Uint8Array>): Promise<{ head: Buffer; rest: AsyncIterable<Uint8Array> }> {
  const iterator = layer[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < MAGIC_LENGTH) {
    const next = await iterator.next();
    if (next.done === true) break;
    chunks.push(next.value);
    length += next.value.length;
  }
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    yield* chunks;
    yield* { [Symbol.asyncIterator]: () => iterator };
  };
  return { head: Buffer.concat(chunks).subarray(0, MAGIC_LENGTH), rest: rest() };
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
