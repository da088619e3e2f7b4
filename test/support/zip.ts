import { crc32, deflateRawSync } from "node:zlib";

/** A file in a ZIP, and what is wrong with it. */
export interface ZipFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** By default "store". */
  readonly method?: "store" | "deflate" | number;
  /** Sizes and CRC-32 come after the data, as of a ZIP that was written to a pipe. */
  readonly streamed?: boolean;
  /** Sizes, and the position, are in Zip64 fields, however small they are. */
  readonly zip64?: boolean;
  /** What both headers state instead of the truth. */
  readonly crc32?: number;
  readonly size?: number;
  readonly flags?: number;
  /** What stands in the packed bytes' place. */
  readonly packed?: Uint8Array;
  /** What the local header states, unlike the central one. */
  readonly local?: {
    readonly name?: string;
    readonly size?: number;
    readonly method?: number;
    readonly crc32?: number;
  };
  /** Where the central header says that the local one is. */
  readonly offset?: number;
}

/** What is special about a ZIP as a whole. */
export interface ZipShape {
  readonly zip64?: boolean;
  readonly comment?: Uint8Array;
  /** What the end states. */
  readonly entries?: number;
  readonly directoryOffset?: number;
  readonly directorySize?: number;
}

const METHODS = { store: 0, deflate: 8 };

/** A ZIP, put together by hand. */
export function makeZip(files: readonly ZipFile[], shape: ZipShape = {}): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const entry = entryOf(file);
    const body = Buffer.concat([localHeader(entry), entry.packed, ...(file.streamed ? [descriptorOf(entry)] : [])]);
    directory.push(centralHeader(entry, file.offset ?? offset));
    bodies.push(body);
    offset += body.length;
  }
  const central = Buffer.concat(directory);
  return Buffer.concat([...bodies, central, endOf(files.length, offset, central.length, shape)]);
}

interface Entry {
  readonly file: ZipFile;
  readonly method: number;
  readonly flags: number;
  readonly crc: number;
  readonly size: number;
  readonly packed: Uint8Array;
}

function entryOf(file: ZipFile): Entry {
  const { bytes, method = "store" } = file;
  const number = typeof method === "number" ? method : METHODS[method];
  const packed = file.packed ?? (number === METHODS.deflate ? deflateRawSync(bytes) : bytes);
  const flags = (file.flags ?? 0) | (file.streamed ? 8 : 0);
  return { file, method: number, flags, crc: file.crc32 ?? crc32(bytes), size: file.size ?? bytes.length, packed };
}

function localHeader({ file, method, flags, crc, size, packed }: Entry): Buffer {
  const { local = {}, streamed, zip64 } = file;
  const name = Buffer.from(local.name ?? file.name);
  const sizes = streamed ? [0, 0] : [local.size ?? size, packed.length];
  const extra = zip64 ? zip64Field(sizes) : Buffer.alloc(0);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(zip64 ? 45 : 20, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt16LE(local.method ?? method, 8);
  header.writeUInt32LE(streamed ? 0 : (local.crc32 ?? crc), 14);
  header.writeUInt32LE(zip64 ? 0xffffffff : (sizes[1] ?? 0), 18);
  header.writeUInt32LE(zip64 ? 0xffffffff : (sizes[0] ?? 0), 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

function descriptorOf({ file, crc, size, packed }: Entry): Buffer {
  const wide = file.zip64 === true;
  const descriptor = Buffer.alloc(wide ? 24 : 16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(crc, 4);
  if (wide) {
    descriptor.writeBigUInt64LE(BigInt(packed.length), 8);
    descriptor.writeBigUInt64LE(BigInt(size), 16);
  } else {
    descriptor.writeUInt32LE(packed.length, 8);
    descriptor.writeUInt32LE(size, 12);
  }
  return descriptor;
}

function centralHeader({ file, method, flags, crc, size, packed }: Entry, offset: number): Buffer {
  const name = Buffer.from(file.name);
  const extra = file.zip64 ? zip64Field([size, packed.length, offset]) : Buffer.alloc(0);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(file.zip64 ? 45 : 20, 6);
  header.writeUInt16LE(flags, 8);
  header.writeUInt16LE(method, 10);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(file.zip64 ? 0xffffffff : packed.length, 20);
  header.writeUInt32LE(file.zip64 ? 0xffffffff : size, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(file.zip64 ? 0xffffffff : offset, 42);
  return Buffer.concat([header, name, extra]);
}

function zip64Field(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length);
  field.writeUInt16LE(0x0001, 0);
  field.writeUInt16LE(8 * values.length, 2);
  for (const [at, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * at);
  return field;
}

function endOf(count: number, start: number, length: number, shape: ZipShape): Buffer {
  const entries = shape.entries ?? count;
  const offset = shape.directoryOffset ?? start;
  const size = shape.directorySize ?? length;
  const comment = shape.comment ?? Buffer.alloc(0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(shape.zip64 ? 0xffff : entries, 8);
  end.writeUInt16LE(shape.zip64 ? 0xffff : entries, 10);
  end.writeUInt32LE(shape.zip64 ? 0xffffffff : size, 12);
  end.writeUInt32LE(shape.zip64 ? 0xffffffff : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  const records = shape.zip64 ? [end64(entries, offset, size), locator(start + length)] : [];
  return Buffer.concat([...records, end, comment]);
}

function end64(entries: number, offset: number, size: number): Buffer {
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  record.writeBigUInt64LE(BigInt(entries), 24);
  record.writeBigUInt64LE(BigInt(entries), 32);
  record.writeBigUInt64LE(BigInt(size), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  return record;
}

function locator(position: number): Buffer {
  const record = Buffer.alloc(20);
  record.writeUInt32LE(0x07064b50, 0);
  record.writeBigUInt64LE(BigInt(position), 8);
  record.writeUInt32LE(1, 16);
  return record;
}
