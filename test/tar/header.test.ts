import { once } from "node:events";
import fc from "fast-check";
import { extract, type Header, pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import {
  BLOCK_SIZE,
  decodeHeader,
  END_OF_ARCHIVE_SIZE,
  encodeHeader,
  headerSize,
  paddingSize,
} from "../../src/tar/index.js";

const GIB = 1024 ** 3;
const SIZES = [0, 1, 511, 512, 513, 8 * GIB - 1, 8 * GIB, 8 * GIB + 1, 2 ** 40, Number.MAX_SAFE_INTEGER];
const SHA512_PATH = `blobs/sha512/${"0123456789abcdef".repeat(8)}`;
const SHA256_PATH = `blobs/sha256/${"0123456789abcdef".repeat(4)}`;

// mode, uid, gid, size, mtime, devmajor, devminor: offset and length.
const NUMBERS = [
  [100, 8],
  [108, 8],
  [116, 8],
  [124, 12],
  [136, 12],
  [329, 8],
  [337, 8],
] as const;

/**
 * A header with its octal numbers written in one way: tar-stream ends them with
 * a space and a NUL, GNU tar and Sealift with a NUL; both are ustar. The
 * checksum, which differs for that reason, is left to whoever reads.
 */
function withUniformNumbers(block: Uint8Array): string {
  const copy = Buffer.from(block);
  for (const [offset, length] of NUMBERS) {
    const field = copy.subarray(offset, offset + length);
    if (field[0] === 0x80) continue;
    const digits = /^([0-7]+)[ \0]+$/.exec(field.toString("latin1"))?.[1] ?? "none";
    field.write(Number.parseInt(digits, 8).toString(8).padStart(length, "0"), "latin1");
  }
  copy.fill(" ", 148, 156);
  return copy.toString("latin1");
}

/** The first `length` bytes of what tar-stream writes for a file. */
async function packed(name: string, size: number, length: number): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name, size, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) });
  let bytes = Buffer.alloc(0);
  while (bytes.length < length) {
    const chunk = archive.read() as Buffer | null;
    if (chunk === null) await once(archive, "readable");
    else bytes = Buffer.concat([bytes, chunk]);
  }
  archive.destroy();
  return bytes.subarray(0, length);
}

/** What tar-stream reads from a header. */
async function extracted(header: Uint8Array): Promise<Header> {
  const archive = extract();
  const entry = once(archive, "entry");
  archive.write(header);
  const [headers] = (await entry) as [Header];
  archive.destroy();
  return headers;
}

/** A header with some bytes replaced and the checksum made right again. */
function patched(offset: number, bytes: Uint8Array | string): Buffer {
  const block = Buffer.from(encodeHeader("file", 5));
  block.set(Buffer.from(bytes), offset);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

describe("a header", () => {
  test.each(SIZES)("for a file of %d bytes is the one tar-stream writes", async (size) => {
    const header = encodeHeader(SHA256_PATH, size);
    expect(withUniformNumbers(header)).toBe(withUniformNumbers(await packed(SHA256_PATH, size, BLOCK_SIZE)));
  });

  test.each(SIZES)("for a file of %d bytes is read by tar-stream", async (size) => {
    expect(await extracted(encodeHeader(SHA256_PATH, size))).toMatchObject({
      name: SHA256_PATH,
      size,
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: new Date(0),
      uname: "",
      gname: "",
      linkname: null,
      pax: null,
    });
  });

  test("for a name over 100 bytes has the pax record that tar-stream writes", async () => {
    const header = encodeHeader(SHA512_PATH, 7);
    const other = await packed(SHA512_PATH, 7, 3 * BLOCK_SIZE);
    expect(header).toHaveLength(3 * BLOCK_SIZE);
    expect(Buffer.from(header.subarray(BLOCK_SIZE, 2 * BLOCK_SIZE))).toEqual(
      other.subarray(BLOCK_SIZE, 2 * BLOCK_SIZE),
    );
    expect(Buffer.from(header).toString("latin1", BLOCK_SIZE)).toMatch(/^151 path=blobs\/sha512\/[0-9a-f]{128}\n\0/);
    // Before and after the record, headers of the right kinds.
    expect(decodeHeader(header)).toEqual({ name: "PaxHeaders/path", size: 151 });
    expect(Buffer.from(header).toString("latin1", 156, 157)).toBe("x");
    expect(decodeHeader(header.subarray(2 * BLOCK_SIZE))).toEqual({ name: SHA512_PATH.slice(0, 100), size: 7 });
  });

  test("for a name over 100 bytes is read by tar-stream, however large the file", async () => {
    expect(await extracted(encodeHeader(SHA512_PATH, 7))).toMatchObject({ name: SHA512_PATH, size: 7, type: "file" });
    expect(await extracted(encodeHeader(SHA512_PATH, 9 * GIB))).toMatchObject({ name: SHA512_PATH, size: 9 * GIB });
  });

  test("needs no record up to 100 bytes of name", async () => {
    expect(encodeHeader("n".repeat(100), 1)).toHaveLength(BLOCK_SIZE);
    expect(encodeHeader("n".repeat(101), 1)).toHaveLength(3 * BLOCK_SIZE);
    expect((await extracted(encodeHeader("n".repeat(100), 1))).name).toBe("n".repeat(100));
    expect((await extracted(encodeHeader("n".repeat(101), 1))).name).toBe("n".repeat(101));
  });

  test("is read as it was written, by Sealift and by tar-stream", async () => {
    const name = fc.stringMatching(/^[!-~]{0,300}[!-.0-~]$/);
    const size = fc.oneof(fc.maxSafeNat(), fc.nat(2048), fc.integer({ min: 8 * GIB - 2, max: 8 * GIB + 2 }));
    await fc.assert(
      fc.asyncProperty(name, size, async (written, bytes) => {
        const header = encodeHeader(written, bytes);
        expect(header).toHaveLength(headerSize(written));
        expect(decodeHeader(header.subarray(-BLOCK_SIZE))).toEqual({ name: written.slice(0, 100), size: bytes });
        expect(await extracted(header)).toMatchObject({ name: written, size: bytes, type: "file" });
      }),
    );
  });

  test.each([
    ["an empty name", "", 1],
    ["a space in its name", "a b", 1],
    ["a line end in its name", "a\nb", 1],
    ["a NUL in its name", "a\0b", 1],
    ["a letter beyond ASCII in its name", "ä", 1],
    ["a name too long for one block of records", "n".repeat(510), 1],
    ["a negative size", "a", -1],
    ["half a byte", "a", 0.5],
    ["a size that a double cannot hold", "a", 2 ** 53],
    ["no number for a size", "a", Number.NaN],
  ])("with %s is not written", (_name, name, size) => {
    expect(() => encodeHeader(name, size)).toThrow(RangeError);
  });
});

describe("a block", () => {
  test.each([
    ["of zeros", new Uint8Array(BLOCK_SIZE)],
    ["of text", Buffer.alloc(BLOCK_SIZE, "text")],
    ["that is cut", encodeHeader("file", 5).subarray(0, BLOCK_SIZE - 1)],
    ["of no bytes", new Uint8Array(0)],
  ])("%s is no header", (_name, block) => {
    expect(decodeHeader(block)).toBeUndefined();
  });

  test("with any one byte changed is no header, but for the form of the checksum itself", () => {
    const header = encodeHeader(SHA256_PATH, 1234);
    const unnoticed: number[] = [];
    for (let offset = 0; offset < BLOCK_SIZE; offset += 1) {
      for (const change of [0x01, 0x20, 0x80, 0xff]) {
        const damaged = Uint8Array.from(header);
        damaged[offset] = (damaged[offset] ?? 0) ^ change;
        if (decodeHeader(damaged) !== undefined) unnoticed.push(offset);
      }
    }
    // The NUL and the space that end it: either may stand there.
    expect(unnoticed).toEqual([154, 155]);
  });

  test.each([
    ["padded with spaces", "      1750 \0", 1000],
    ["of twelve digits", "000000001750", 1000],
    ["ended with a space", "00000001750 ", 1000],
    ["of the largest octal number", "77777777777\0", 8 * GIB - 1],
    ["in base 256", Buffer.from("800000000000000200000000", "hex"), 8 * GIB],
    ["in base 256, of 2^53 - 1", Buffer.from("80000000001fffffffffffff", "hex"), Number.MAX_SAFE_INTEGER],
  ])("with a size %s is read", (_name, field, size) => {
    expect(decodeHeader(patched(124, field))).toEqual({ name: "file", size });
  });

  test.each([
    ["that is empty", "\0\0\0\0\0\0\0\0\0\0\0\0"],
    ["that is not octal", "00000000018\0"],
    ["that is negative", "-0000000001\0"],
    ["that is hexadecimal", "0x000000010\0"],
    ["with digits after its end", "0000001\x000001"],
    ["in base 256, of 2^53", Buffer.from("800000000020000000000000", "hex")],
    ["in base 256, that is negative", Buffer.from("ffffffffffffffffffffffff", "hex")],
    ["in base 256, of more than 64 bits", Buffer.from("800000010000000000000005", "hex")],
  ])("with a size %s is no header", (_name, field) => {
    expect(decodeHeader(patched(124, field))).toBeUndefined();
  });

  test("without an end to its name has 100 bytes of it", () => {
    expect(decodeHeader(patched(0, "n".repeat(100)))?.name).toBe("n".repeat(100));
  });
});

describe("padding", () => {
  test("fills the last block, and only that", () => {
    expect([0, 1, 511, 512, 513, 8 * GIB + 1].map(paddingSize)).toEqual([0, 511, 1, 0, 511, 511]);
    fc.assert(
      fc.property(fc.nat(2 ** 30), fc.nat(2 ** 20), (low, high) => {
        const size = high * 2 ** 30 + low;
        expect((size + paddingSize(size)) % BLOCK_SIZE).toBe(0);
        expect(paddingSize(size)).toBeLessThan(BLOCK_SIZE);
      }),
    );
  });

  test("of the whole tar is two blocks", () => {
    expect(END_OF_ARCHIVE_SIZE).toBe(1024);
  });
});
