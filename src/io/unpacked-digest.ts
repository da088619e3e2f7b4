import { createHash } from "node:crypto";
import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { Decompress as ZstdDecompress } from "fzstd";
import { SealiftError } from "../errors/index.js";
import { type Digest, finishDigest } from "../oci/index.js";

// A layer is named by what its bytes are, not by its media type, as every
// runtime does (containerd pkg/archive/compression, moby pkg/archive).
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const MAGIC_LENGTH = 4;

// zstd can state 128 KiB of output in 4 bytes: so much input at a time keeps
// one step below half a gigabyte of output, and the process responsive.
const ZSTD_STEP = 16 * 1024;

/**
 * The SHA-256 digest of a layer unpacked (its diffID): of gzip, zstd, or the plain tar.
 *
 * @param layer - The layer as it is stored; it is read to its end.
 * @param maxSize - How many bytes may come out: what bounds the time a bomb takes.
 * @throws SealiftError `MANIFEST_INVALID` if more come out, or it cannot be
 * unpacked; and what `layer` fails with.
 */
export async function unpackedDigest(layer: Readable, maxSize: number): Promise<Digest> {
  const hash = createHash("sha256");
  let size = 0;
  const consume = (chunk: Uint8Array): void => {
    size += chunk.length;
    if (size > maxSize) {
      throw new SealiftError("MANIFEST_INVALID", `expected a layer of at most ${maxSize} bytes unpacked, got more`);
    }
    hash.update(chunk);
  };
  const { head, rest } = await peek(layer);
  await unpack(head, rest, consume);
  return finishDigest(hash, "sha256");
}

async function unpack(head: Buffer, layer: AsyncIterable<Uint8Array>, consume: (chunk: Uint8Array) => void): Promise<void> {
  if (startsWith(head, GZIP_MAGIC)) return throughStream(zlib.createGunzip(), layer, consume);
  if (!startsWith(head, ZSTD_MAGIC)) {
    for await (const chunk of layer) consume(chunk);
    return;
  }
  const native = nativeZstd();
  if (native !== undefined) return throughStream(native, layer, consume);
  return throughFzstd(layer, consume);
}

async function throughStream(
  decompressor: Transform,
  layer: AsyncIterable<Uint8Array>,
  consume: (chunk: Uint8Array) => void,
): Promise<void> {
  try {
    await pipeline(layer, decompressor, async (unpacked: AsyncIterable<Uint8Array>) => {
      for await (const chunk of unpacked) consume(chunk);
    });
  } catch (error) {
    throw asUnpackError(error);
  }
}

async function throughFzstd(layer: AsyncIterable<Uint8Array>, consume: (chunk: Uint8Array) => void): Promise<void> {
  const decompressor = new ZstdDecompress(consume);
  try {
    for await (const chunk of layer) {
      for (let start = 0; start < chunk.length; start += ZSTD_STEP) {
        decompressor.push(chunk.subarray(start, start + ZSTD_STEP));
      }
    }
    decompressor.push(new Uint8Array(0), true);
  } catch (error) {
    throw asUnpackError(error);
  }
}

// Node has zstd of its own from 22.15 on; fzstd does the same in JavaScript.
function nativeZstd(): Transform | undefined {
  const create: unknown = Reflect.get(zlib, "createZstdDecompress");
  return typeof create === "function" ? (create() as Transform) : undefined;
}

async function peek(layer: Readable): Promise<{ head: Buffer; rest: AsyncIterable<Uint8Array> }> {
  const iterator = (layer as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
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

function startsWith(head: Buffer, magic: Buffer): boolean {
  return head.subarray(0, magic.length).equals(magic);
}

function asUnpackError(error: unknown): unknown {
  if (error instanceof SealiftError || !(error instanceof Error)) return error;
  return new SealiftError("MANIFEST_INVALID", `expected a layer that can be unpacked, got ${error.message}`, { cause: error });
}
