import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isZstd, zstdPieces } from "../../src/io/zstd-frames.js";
import { failureOf } from "../support/errors.js";
import { type FrameOptions, frame, rawBlock, rleBlock, skippableFrame } from "./zstd-file.js";

const MIB = 1024 * 1024;

/** The pieces of a file that comes in chunks of `size` bytes. */
async function pieces(file: Uint8Array, size: number, maxWindow = 128 * MIB): Promise<Uint8Array[]> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size);
  }
  const found: Uint8Array[] = [];
  for await (const piece of zstdPieces(chunks(), maxWindow)) found.push(piece);
  return found;
}

/** Where each of some parts ends in the whole. */
function endsOf(parts: readonly Uint8Array[]): number[] {
  let end = 0;
  return parts.map((part) => (end += part.length));
}

async function windowOf(options: FrameOptions): Promise<number> {
  const { message } = await failureOf(() => pieces(frame([rawBlock("x")], options), 1000, -1));
  return Number(/got one of (\d+)$/.exec(message)?.[1]);
}

describe("the pieces of a zstd file", () => {
  const block = fc.oneof(
    fc.uint8Array({ maxLength: 50 }).map(rawBlock),
    fc.tuple(fc.nat(255), fc.nat(1000)).map(([byte, count]) => rleBlock(byte, count)),
  );
  const anyFrame = fc.oneof(
    fc.array(block, { minLength: 1, maxLength: 4 }).map((blocks) => frame(blocks)),
    fc.array(block, { minLength: 1, maxLength: 2 }).map((blocks) => frame(blocks, { dictionaryIdBytes: 4 })),
    fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.nat(15)).map(([content, kind]) => skippableFrame(content, kind)),
  );

  test("are the file, and none holds parts of two frames", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyFrame, { maxLength: 4 }), fc.integer({ min: 1, max: 80 }), async (frames, size) => {
        const file = Buffer.concat(frames);
        const found = await pieces(file, size);
        expect(Buffer.concat(found)).toEqual(file);
        expect(endsOf(found)).toEqual(expect.arrayContaining(endsOf(frames)));
      }),
    );
  });

  test("hold one block at most", async () => {
    const found = await pieces(frame(Array.from({ length: 100 }, () => rleBlock(0, 100_000))), 10_000);
    expect(found.filter((piece) => piece.length > 4)).toEqual([]);
    expect(found.length).toBeGreaterThan(100);
  });

  test.each<[string, FrameOptions, number]>([
    ["the smallest descriptor", { windowDescriptor: 0 }, 1024],
    ["a descriptor with an eighth", { windowDescriptor: 1 }, 1024 + 128],
    ["a descriptor with a dictionary ID", { windowDescriptor: (7 << 3) | 7, dictionaryIdBytes: 2 }, 128 * 1024 * 1.875],
    ["the largest descriptor", { windowDescriptor: 0xff }, 2 ** 41 * 1.875],
    ["a content size of one byte", { singleSegment: { contentSize: 200, bytes: 1 } }, 200],
    ["a content size of two bytes", { singleSegment: { contentSize: 256, bytes: 2 } }, 256],
    ["a content size of four bytes", { singleSegment: { contentSize: 2 ** 31, bytes: 4 } }, 2 ** 31],
    [
      "a content size after a dictionary ID",
      { singleSegment: { contentSize: 2 ** 40, bytes: 8 }, dictionaryIdBytes: 1 },
      2 ** 40,
    ],
  ])("know the window by %s", async (_name, options, window) => {
    expect(await windowOf(options)).toBe(window);
  });

  test("of a frame with a larger window than allowed are refused, wherever the frame stands", async () => {
    const large = frame([rawBlock("x")], { windowDescriptor: 18 << 3 });
    expect(Buffer.concat(await pieces(large, 100, 256 * MIB))).toEqual(large);
    const error = await failureOf(() => pieces(Buffer.concat([frame([rawBlock("x")]), large]), 100));
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.message).toContain(`at most ${128 * MIB} bytes, got one of ${256 * MIB}`);
  });

  test("of a file that is cut anywhere are refused", async () => {
    const file = Buffer.concat([frame([rawBlock("some bytes"), rleBlock(1, 9)])]);
    for (let length = 1; length < file.length; length += 1) {
      const error = await failureOf(() => pieces(file.subarray(0, length), 100));
      expect(error.message).toMatch(/whole frames, got an end within a frame$/);
    }
    expect((await failureOf(() => pieces(skippableFrame("bytes").subarray(0, -1), 3))).code).toBe("MANIFEST_INVALID");
  });

  test("of a file with something between its frames are refused", async () => {
    const one = frame([rawBlock("x")]);
    for (const between of ["\0\0\0\0", "text", "\x1f\x8b\b\0"]) {
      const file = Buffer.concat([one, Buffer.from(between, "latin1"), one]);
      expect((await failureOf(() => pieces(file, 7))).message).toMatch(/got something between its frames$/);
    }
  });
});

describe("what begins like zstd", () => {
  test("is a frame, or one to be skipped", () => {
    expect(isZstd(frame([rawBlock("x")]).subarray(0, 4))).toBe(true);
    expect(isZstd(skippableFrame("", 0))).toBe(true);
    expect(isZstd(skippableFrame("", 15))).toBe(true);
  });

  test.each(["", "28b52f", "28b52ffc", "4f2a4d18", "602a4d18", "1f8b0800", "00000000"])("is not %j", (hex) => {
    expect(isZstd(Buffer.from(hex, "hex"))).toBe(false);
  });
});
