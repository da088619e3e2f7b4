import { SealiftError } from "../errors/index.js";

// https://www.rfc-editor.org/rfc/rfc8878#section-3.1
const FRAME_MAGIC = 0xfd2fb528;
// The first of sixteen.
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_HEADER_LENGTH = 3;
const RLE_BLOCK = 1;
const CHECKSUM_LENGTH = 4;

/** Whether bytes begin like zstd: with a frame, or with one to be skipped, as pzstd and zstd:chunked write them. */
export function isZstd(head: Buffer): boolean {
  return head.length >= 4 && (head.readUInt32LE() === FRAME_MAGIC || isSkippable(head));
}

/**
 * The bytes of a zstd file, in pieces that hold at most one block and never end
 * one frame and begin the next: Node's decompressor drops what follows a frame
 * in one piece (https://github.com/nodejs/node/issues/64741).
 *
 * @param maxWindow - The largest window that a frame may ask its reader to keep, in bytes.
 * @throws SealiftError `MANIFEST_INVALID` if a window is larger, or the bytes
 * are not whole frames; and what `file` fails with.
 */
export async function* zstdPieces(file: AsyncIterable<Uint8Array>, maxWindow: number): AsyncGenerator<Uint8Array> {
  const input = new Input(file);
  try {
    while (await input.hasMore()) yield* frame(input, maxWindow);
  } finally {
    await input.close();
  }
}

async function* frame(input: Input, maxWindow: number): AsyncGenerator<Uint8Array> {
  const magic = await input.take(4);
  yield magic;
  if (isSkippable(magic)) {
    const size = await input.take(4);
    yield size;
    yield* input.pass(size.readUInt32LE());
    return;
  }
  if (magic.readUInt32LE() !== FRAME_MAGIC) throw invalid("something between its frames");
  const descriptor = await input.take(1);
  yield descriptor;
  const flags = descriptor.readUInt8();
  const header = await input.take(frameHeaderLength(flags));
  const window = windowSize(flags, header);
  if (window > maxWindow) throw windowError(window, maxWindow);
  yield header;
  for (let isLast = false; !isLast; ) {
    const blockHeader = await input.take(BLOCK_HEADER_LENGTH);
    yield blockHeader;
    const bits = blockHeader.readUIntLE(0, BLOCK_HEADER_LENGTH);
    isLast = (bits & 1) === 1;
    yield* input.pass(((bits >> 1) & 3) === RLE_BLOCK ? 1 : bits >> 3);
  }
  if ((flags & 0b100) !== 0) yield await input.take(CHECKSUM_LENGTH);
}

function isSkippable(magic: Buffer): boolean {
  return (magic.readUInt32LE() & ~0xf) === SKIPPABLE_MAGIC;
}

const DICTIONARY_ID_LENGTHS = [0, 1, 2, 4];

/** The number of bytes between the frame header's descriptor and the first block. */
function frameHeaderLength(flags: number): number {
  return (isSingleSegment(flags) ? 0 : 1) + dictionaryIdLength(flags) + contentSizeLength(flags);
}

/** The window of a frame; a frame of a single segment keeps all its content instead. */
function windowSize(flags: number, header: Buffer): number {
  if (!isSingleSegment(flags)) {
    const byte = header.readUInt8();
    const base = 2 ** (10 + (byte >> 3));
    return base + (base / 8) * (byte & 7);
  }
  const length = contentSizeLength(flags);
  const field = header.subarray(dictionaryIdLength(flags));
  if (length === 8) return Number(field.readBigUInt64LE());
  return field.readUIntLE(0, length) + (length === 2 ? 256 : 0);
}

function isSingleSegment(flags: number): boolean {
  return (flags & 0b10_0000) !== 0;
}

function dictionaryIdLength(flags: number): number {
  return DICTIONARY_ID_LENGTHS[flags & 3] ?? 0;
}

function contentSizeLength(flags: number): number {
  const code = flags >> 6;
  return code === 0 ? Number(isSingleSegment(flags)) : 2 ** code;
}

/** Bytes taken from chunks of any size. */
class Input {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#iterator = chunks[Symbol.asyncIterator]();
  }

  /** Leaves the chunks, also when not all have come. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async hasMore(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#iterator.next();
      if (next.done === true) return false;
      this.#chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    return true;
  }

  /** The next `length` bytes in one piece; for a few only. */
  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.pass(length)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** The next `length` bytes, as they come. */
  async *pass(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      if (!(await this.hasMore())) throw invalid("an end within a frame");
      const part = this.#chunk.subarray(0, left);
      this.#chunk = this.#chunk.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}

function invalid(came: string): SealiftError {
  return new SealiftError("MANIFEST_INVALID", `expected zstd in whole frames, got ${came}`);
}

function windowError(window: number, maxWindow: number): SealiftError {
  return new SealiftError(
    "MANIFEST_INVALID",
    `expected a zstd window of at most ${maxWindow} bytes, got one of ${window}`,
    { hint: "run Sealift with Node 22.15 or newer, which unpacks windows up to 128 MiB" },
  );
}
