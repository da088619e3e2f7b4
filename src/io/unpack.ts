import type { Transform } from "node:stream";
import { pipeline } from "node:stream";
import * as zlib from "node:zlib";
import { Decompress as ZstdDecompress } from "fzstd";
import { isZstd, zstdPieces } from "./zstd-frames.js";

type Decompressor = Transform & zlib.Zlib;

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** How many bytes {@link compressionOf} looks at. */
export const COMPRESSION_MAGIC_LENGTH = 4;

// What zstd and Node's binding of it take by default (ZSTD_WINDOWLOG_LIMIT_DEFAULT, zstd.h).
const NATIVE_MAX_WINDOW = 128 * 1024 * 1024;

// fzstd reads 25 bits of a distance at most: beyond 32 MiB it copies wrong bytes.
const FZSTD_MAX_WINDOW = 32 * 1024 * 1024;

// Fewer, larger chunks cost less to pass on than Node's 16 KiB.
const CHUNK_SIZE = 128 * 1024;

/** How something is compressed, as its first bytes say; undefined for anything else. */
export function compressionOf(head: Buffer): "gzip" | "zstd" | undefined {
  if (head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC)) return "gzip";
  return isZstd(head) ? "zstd" : undefined;
}

/**
 * The bytes of something compressed, unpacked as they are asked for. They fail
 * if it is damaged, cut off, or followed by anything.
 *
 * @throws what `packed` fails with, and whatever the decompressors throw.
 */
export async function* unpacked(
  packed: AsyncIterable<Uint8Array>,
  compression: "gzip" | "zstd",
): AsyncGenerator<Uint8Array> {
  if (compression === "gzip") {
    yield* throughStream(zlib.createGunzip({ chunkSize: CHUNK_SIZE }), packed);
    return;
  }
  const native = nativeZstd();
  const pieces = zstdPieces(packed, native === undefined ? FZSTD_MAX_WINDOW : NATIVE_MAX_WINDOW);
  const first = await pieces.next();
  // What unpacks to nothing has no pieces, and decompressors take no input for a cut one.
  if (first.done === true) return;
  const all = followedBy(first.value, pieces);
  yield* native === undefined ? throughFzstd(all) : throughStream(native, all);
}

async function* followedBy(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

// Each piece holds one block at most, and so gives 128 KiB at most.
async function* throughFzstd(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const decompressor = new ZstdDecompress((chunk) => {
    chunks.push(chunk);
  });
  for await (const piece of pieces) {
    decompressor.push(piece);
    yield* chunks.splice(0);
  }
  decompressor.push(new Uint8Array(0), true);
  yield* chunks;
}

async function* throughStream(
  decompressor: Decompressor,
  packed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of packed) {
      size += chunk.length;
      yield chunk;
    }
  };
  // Whoever reads the decompressor sees every failure, also that of `packed`.
  pipeline(counted, decompressor, () => undefined);
  yield* decompressor as AsyncIterable<Uint8Array>;
  // Zeros after the last gzip member end the output without an error, and hide what follows them.
  if (decompressor.bytesWritten < size) throw new Error(`${size - decompressor.bytesWritten} bytes after its end`);
}

// Node has zstd of its own from 22.15 on; fzstd does the same in JavaScript.
function nativeZstd(): Decompressor | undefined {
  const { createZstdDecompress } = zlib as typeof zlib & { createZstdDecompress?: () => Decompressor };
  return createZstdDecompress?.();
}
