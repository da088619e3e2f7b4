/** How {@link frame} makes the header of a zstd frame (RFC 8878 section 3.1.1.1). */
export interface FrameOptions {
  /** The window descriptor: 7 << 3 is 128 KiB, the size of the largest block. */
  readonly windowDescriptor?: number;
  /** States a content size, of 1, 2, 4 or 8 bytes in the file, and no window. */
  readonly singleSegment?: { readonly contentSize: number; readonly bytes: 1 | 2 | 4 | 8 };
  /** The length of the dictionary ID: 0, 1, 2 or 4 bytes. */
  readonly dictionaryIdBytes?: 0 | 1 | 2 | 4;
  /** The checksum behind the last block, of 4 bytes. */
  readonly checksum?: Buffer;
}

const LARGEST_BLOCK_WINDOW = 7 << 3;

/** A zstd frame of blocks. */
export function frame(blocks: readonly Buffer[], options: FrameOptions = {}): Buffer {
  const { windowDescriptor = LARGEST_BLOCK_WINDOW, singleSegment, dictionaryIdBytes = 0, checksum } = options;
  const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
  const dictionaryFlag = [0, 1, 2, 4].indexOf(dictionaryIdBytes);
  const sizeFlag = singleSegment === undefined ? 0 : [1, 2, 4, 8].indexOf(singleSegment.bytes);
  const descriptor = Buffer.from([
    (sizeFlag << 6) | (singleSegment === undefined ? 0 : 0x20) | (checksum === undefined ? 0 : 4) | dictionaryFlag,
  ]);
  const window = Buffer.from(singleSegment === undefined ? [windowDescriptor] : []);
  const contentSize = Buffer.alloc(8);
  const offset = singleSegment?.bytes === 2 ? 256 : 0;
  contentSize.writeBigUInt64LE(BigInt((singleSegment?.contentSize ?? 0) - (singleSegment === undefined ? 0 : offset)));
  const header = [
    magic,
    descriptor,
    window,
    Buffer.alloc(dictionaryIdBytes),
    contentSize.subarray(0, singleSegment?.bytes ?? 0),
  ];
  const last = blocks.length - 1;
  return Buffer.concat([
    ...header,
    ...blocks.map((block, at) => (at === last ? asLast(block) : block)),
    checksum ?? Buffer.alloc(0),
  ]);
}

/** A block that holds bytes as they are. */
export function rawBlock(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes);
  return Buffer.concat([blockHeader(0, content.length), content]);
}

/** A block of one byte, many times: 4 bytes that unpack to at most 128 KiB. */
export function rleBlock(byte: number, count: number): Buffer {
  return Buffer.concat([blockHeader(1, count), Buffer.from([byte])]);
}

/** A frame that holds no content, as pzstd and zstd:chunked write them. */
export function skippableFrame(bytes: Uint8Array | string, kind = 0): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184d2a50 + kind);
  header.writeUInt32LE(Buffer.from(bytes).length, 4);
  return Buffer.concat([header, Buffer.from(bytes)]);
}

function blockHeader(type: number, size: number): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1), 0, 3);
  return header;
}

function asLast(block: Buffer): Buffer {
  const copy = Buffer.from(block);
  copy[0] = (copy[0] ?? 0) | 1;
  return copy;
}
