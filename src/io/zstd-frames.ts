import { setImmediate } from "node:timers/promises";
import { SealiftError } from "../errors/index.js";

// https://www.rfc-editor.org/rfc/rfc8878#section-3.1
const FRAME_MAGIC = 0xfd2fb528;
// The first of sixteen.
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_HEADER_LENGTH = 3;
const RLE_BLOCK = 1;
const CHECKSUM_LENGTH = 4;
// The lower half of XXH64 of no bytes, little-endian.
const CHECKSUM_OF_NOTHING = Buffer.from("99e9d851", "hex");
const CHECKSUM_FLAG = 0b100;
const RESERVED_FLAG = 0b1000;

// After how many blocks others get their turn, such as a Ctrl-C: a few
// milliseconds' worth, also of the smallest ones.
const BLOCKS_PER_TURN = 64;

/** Whether bytes begin like zstd: with a frame, or with one to be skipped, as pzstd and zstd:chunked write them. */
export function isZstd(head: Buffer): boolean {
  return head.length >= 4 && (head.readUInt32LE() === FRAME_MAGIC || isSkippable(head));
}

/**
 * The bytes of a zstd file, in pieces that hold at most one block and never end
 * one frame and begin the next: Node's decompressor drops what follows a frame
 * in one piece (https://github.com/nodejs/node/issues/64741).
 *
 * What unpacks to nothing costs a decompressor far more than its few bytes, so
 * it is left out: frames to be skipped, empty frames, and empty blocks but for
 * a frame's last. A file of nothing else has no pieces.
 *
 * @param maxWindow - The largest window that a frame may ask its reader to keep, in bytes.
 * @throws SealiftError `MANIFEST_INVALID` if a window is larger, or the bytes
 * are not whole frames; and what `file` fails with.
 */
export async function* zstdPieces(file: AsyncIterable<Uint8Array>, maxWindow: number): AsyncGenerator<Uint8Array> {
  const input = new Input(file);
  try {
    while (await input.hasMore()) {
      if (input.isTurnOver()) await setImmediate();
      const magic = await input.take(4);
      if (isSkippable(magic)) await input.skip((await input.take(4)).readUInt32LE());
      else if (magic.readUInt32LE() === FRAME_MAGIC) yield* frame(input, magic, maxWindow);
      else throw invalid("something between its frames");
    }
  } finally {
    await input.close();
  }
}

async function* frame(input: Input, magic: Buffer, maxWindow: number): AsyncGenerator<Uint8Array> {
  const descriptor = await input.take(1);
  const flags = descriptor.readUInt8();
  const header = await input.take(frameHeaderLength(flags));
  const window = windowSize(flags, header);
  if (window > maxWindow) throw windowError(window, maxWindow);
  let held: Buffer | undefined = Buffer.concat([magic, descriptor, header]);
  for (let isLast = false; !isLast; ) {
    if (input.isTurnOver()) await setImmediate();
    const blockHeader = input.takeNow(BLOCK_HEADER_LENGTH) ?? (await input.take(BLOCK_HEADER_LENGTH));
    const bits = blockHeader.readUIntLE(0, BLOCK_HEADER_LENGTH);
    isLast = (bits & 1) === 1;
    const type = (bits >> 1) & 3;
    const length = type === RLE_BLOCK ? 1 : bits >> 3;
    if (bits >> 3 === 0 && type <= RLE_BLOCK && (!isLast || (held !== undefined && mayHoldNothing(flags, header)))) {
      if (length > 0) await input.skip(length);
      continue;
    }
    if (held !== undefined) yield held;
    held = undefined;
    yield blockHeader;
    yield* input.pass(length);
  }
  if ((flags & CHECKSUM_FLAG) === 0) return;
  const checksum = await input.take(CHECKSUM_LENGTH);
  if (held === undefined) yield checksum;
  else if (!checksum.equals(CHECKSUM_OF_NOTHING)) throw invalid("a wrong checksum of an empty frame");
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
  return contentSize(flags, header);
}

/** The size that a frame states of its content, if it states one, in bytes. */
function contentSize(flags: number, header: Buffer): number {
  const length = contentSizeLength(flags);
  const field = header.subarray(header.length - length);
  if (length === 8) return Number(field.readBigUInt64LE());
  return field.readUIntLE(0, length) + (length === 2 ? 256 : 0);
}

/** Whether the header of a frame without content has nothing that a decompressor would refuse. */
function mayHoldNothing(flags: number, header: Buffer): boolean {
  const statesSize = contentSizeLength(flags) > 0;
  return (
    (flags & RESERVED_FLAG) === 0 && dictionaryIdLength(flags) === 0 && !(statesSize && contentSize(flags, header) > 0)
  );
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
  #blocks = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#iterator = chunks[Symbol.asyncIterator]();
  }

  /** Leaves the chunks, also when not all have come. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  /** Counts a block, or what is as small. */
  isTurnOver(): boolean {
    this.#blocks += 1;
    return this.#blocks % BLOCKS_PER_TURN === 0;
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
    const there = this.takeNow(length);
    if (there !== undefined) return there;
    const parts: Buffer[] = [];
    for await (const part of this.pass(length)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** The same, if they have come in one piece. */
  takeNow(length: number): Buffer | undefined {
    return this.#chunk.length < length ? undefined : this.#cut(length);
  }

  async skip(length: number): Promise<void> {
    if (this.takeNow(length) === undefined) for await (const _ of this.pass(length));
  }

  /** The next `length` bytes, as they come. */
  async *pass(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      if (!(await this.hasMore())) throw invalid("an end within a frame");
      const part = this.#cut(left);
      left -= part.length;
      yield part;
    }
  }

  #cut(length: number): Buffer {
    const part = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
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
