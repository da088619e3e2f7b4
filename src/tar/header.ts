/**
 * The headers of a tar that holds nothing but regular files: POSIX ustar
 * (IEEE Std 1003.1, pax utility, "ustar Interchange Format"), with a pax record
 * for names over 100 bytes and GNU's base-256 for sizes from 8 GiB on, which
 * every reader that matters understands.
 *
 * Owner, mode and time are fixed, so that the same files give the same bytes.
 */

/** Everything in a tar is counted in blocks of this many bytes. */
export const BLOCK_SIZE = 512;

/** A tar ends with two blocks of zeros. */
export const END_OF_ARCHIVE_SIZE = 2 * BLOCK_SIZE;

// Field offsets and lengths of the ustar header block.
const NAME_LENGTH = 100;
const SIZE_OFFSET = 124;
const SIZE_LENGTH = 12;
const CHECKSUM_OFFSET = 148;
const CHECKSUM_LENGTH = 8;

// Eleven octal digits and a NUL: the largest size that plain ustar can state.
const MAX_OCTAL_SIZE = 0o77777777777;

const REGULAR_FILE = "0";
const PAX_RECORDS = "x";

/**
 * The header of a regular file: one block, or three when the name needs a pax record.
 *
 * @param name - In ASCII, relative, without `.` and `..`.
 * @param size - In bytes.
 */
export function encodeHeader(name: string, size: number): Uint8Array {
  if (!/^[\x21-\x7e]+$/.test(name)) throw new RangeError(`not a printable ASCII name: ${JSON.stringify(name)}`);
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`not a size: ${size}`);
  if (name.length <= NAME_LENGTH) return encodeBlock(name, size, REGULAR_FILE);
  const record = paxRecord("path", name);
  const short = name.slice(0, NAME_LENGTH);
  const header = new Uint8Array(3 * BLOCK_SIZE);
  header.set(encodeBlock("PaxHeaders/path", record.length, PAX_RECORDS), 0);
  header.set(record, BLOCK_SIZE);
  header.set(encodeBlock(short, size, REGULAR_FILE), 2 * BLOCK_SIZE);
  return header;
}

/** The number of bytes that {@link encodeHeader} gives for `name`. */
export function headerSize(name: string): number {
  return name.length <= NAME_LENGTH ? BLOCK_SIZE : 3 * BLOCK_SIZE;
}

/** The number of zeros between a file of `size` bytes and the next block. */
export function paddingSize(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
}

/**
 * What a header block says, or undefined if it is none: for error messages, and
 * to learn a size that is then compared with a header made anew.
 */
export function decodeHeader(block: Uint8Array): { readonly name: string; readonly size: number } | undefined {
  if (block.length < BLOCK_SIZE || !hasChecksum(block)) return undefined;
  const size = decodeSize(block.subarray(SIZE_OFFSET, SIZE_OFFSET + SIZE_LENGTH));
  if (size === undefined) return undefined;
  const field = Buffer.from(block.subarray(0, NAME_LENGTH)).toString("latin1");
  const end = field.indexOf("\0");
  return { name: end < 0 ? field : field.slice(0, end), size };
}

function encodeBlock(name: string, size: number, type: string): Uint8Array {
  const block = Buffer.alloc(BLOCK_SIZE);
  block.write(name, 0, NAME_LENGTH, "latin1");
  block.write("0000644\0", 100, "latin1");
  block.write("0000000\0", 108, "latin1");
  block.write("0000000\0", 116, "latin1");
  encodeSize(block.subarray(SIZE_OFFSET, SIZE_OFFSET + SIZE_LENGTH), size);
  block.write("00000000000\0", 136, "latin1");
  block.write(type, 156, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  block.write("0000000\0", 329, "latin1");
  block.write("0000000\0", 337, "latin1");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, CHECKSUM_OFFSET, "latin1");
  return block;
}

function encodeSize(field: Buffer, size: number): void {
  if (size <= MAX_OCTAL_SIZE) {
    field.write(`${size.toString(8).padStart(SIZE_LENGTH - 1, "0")}\0`, "latin1");
    return;
  }
  field.writeUInt32BE(Math.floor(size / 2 ** 32), SIZE_LENGTH - 8);
  field.writeUInt32BE(size % 2 ** 32, SIZE_LENGTH - 4);
  field[0] = 0x80;
}

function decodeSize(field: Uint8Array): number | undefined {
  if (field[0] === 0x80) {
    const size = field.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
    return Number.isSafeInteger(size) ? size : undefined;
  }
  const digits = /^ *([0-7]{1,12})[ \0]*$/.exec(Buffer.from(field).toString("latin1"))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

function checksum(block: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < BLOCK_SIZE; index += 1) {
    const isChecksum = index >= CHECKSUM_OFFSET && index < CHECKSUM_OFFSET + CHECKSUM_LENGTH;
    sum += isChecksum ? 0x20 : (block[index] ?? 0);
  }
  return sum;
}

function hasChecksum(block: Uint8Array): boolean {
  const field = Buffer.from(block.subarray(CHECKSUM_OFFSET, CHECKSUM_OFFSET + CHECKSUM_LENGTH)).toString("latin1");
  const digits = /^ *([0-7]{1,7})[ \0]*$/.exec(field)?.[1];
  return digits !== undefined && Number.parseInt(digits, 8) === checksum(block);
}

// A pax record counts its own length, digits included.
function paxRecord(key: string, value: string): Uint8Array {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}${rest}`.length !== length) length += 1;
  const record = `${length}${rest}`;
  if (record.length > BLOCK_SIZE) throw new RangeError(`name of ${value.length} bytes is too long`);
  return Buffer.from(record, "latin1");
}
