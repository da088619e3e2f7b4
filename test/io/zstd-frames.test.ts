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
    fc.uint8Array({ minLength: 1, maxLength: 50 }).map(rawBlock),
    fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 1000 })).map(([byte, count]) => rleBlock(byte, count)),
  );
  const anyFrame = fc.oneof(
    fc.array(block, { minLength: 1, maxLength: 4 }).map((blocks) => frame(blocks)),
    fc.array(block, { minLength: 1, maxLength: 2 }).map((blocks) => frame(blocks, { dictionaryIdBytes: 4 })),
  );
  const nothing = fc.oneof(
    fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.nat(15)).map(([content, kind]) => skippableFrame(content, kind)),
    fc.constantFrom(frame([rawBlock("")]), frame([rleBlock(7, 0), rawBlock("")])),
  );

  test("are the file but for what holds nothing, and none holds parts of two frames", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyFrame, nothing), { maxLength: 4 }),
        fc.integer({ min: 1, max: 80 }),
        async (frames, size) => {
          const found = await pieces(Buffer.concat(frames.flat()), size);
          const full = frames.map(([one]) => one);
          expect(Buffer.concat(found)).toEqual(Buffer.concat(full));
          expect(endsOf(found)).toEqual(expect.arrayContaining(endsOf(full)));
        },
      ),
    );
  });

  test("hold one block at most", async () => {
    const found = await pieces(frame(Array.from({ length: 100 }, () => rleBlock(0, 100_000))), 10_000);
    expect(found.filter((piece) => piece.length > 6)).toEqual([]);
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

describe("a zstd file that unpacks to nothing", () => {
  const small = frame([rawBlock("x")]);

  test.each([
    ["empty frames with a window of 32 MiB each", Buffer.from("28b52ffd0078010000", "hex")],
    ["empty frames of a single segment", frame([rawBlock("")], { singleSegment: { contentSize: 0, bytes: 8 } })],
    ["empty frames with a checksum", frame([rawBlock("")], { checksum: Buffer.from("99e9d851", "hex") })],
    ["frames of empty blocks", frame([rawBlock(""), rleBlock(0, 0), rleBlock(0, 0)])],
    ["frames to be skipped", skippableFrame("")],
  ])("costs the decompressor nothing: %s", async (_name, one) => {
    const many = Buffer.concat(Array.from({ length: 500 }, () => one));
    for (const size of [1, 7, MIB]) expect(await pieces(many, size)).toEqual([]);
    expect(Buffer.concat(await pieces(Buffer.concat([many, small, many, small]), MIB))).toEqual(
      Buffer.concat([small, small]),
    );
  });

  test("in a million empty blocks within a frame costs the decompressor nothing", async () => {
    const empty = Buffer.alloc(3 * 1_000_000);
    const file = Buffer.concat([frame([rawBlock("a"), empty, rleBlock(0, 0), rawBlock("b"), empty, rawBlock("")])]);
    expect(Buffer.concat(await pieces(file, MIB))).toEqual(frame([rawBlock("a"), rawBlock("b"), rawBlock("")]));
  });

  test("with a wrong checksum is refused", async () => {
    const wrong = frame([rawBlock("")], { checksum: Buffer.from("99e9d850", "hex") });
    expect((await failureOf(() => pieces(wrong, 100))).message).toMatch(/got a wrong checksum of an empty frame$/);
  });

  test.each([
    ["a dictionary", frame([rawBlock("")], { dictionaryIdBytes: 1 })],
    ["a content size that is not 0", frame([rawBlock("")], { singleSegment: { contentSize: 1, bytes: 1 } })],
    ["a reserved flag", Buffer.from("28b52ffd0838010000", "hex")],
    ["a compressed block", Buffer.from("28b52ffd0038050000", "hex")],
  ])("is left to the decompressor with %s", async (_name, file) => {
    expect(Buffer.concat(await pieces(file, 100))).toEqual(file);
  });

  test("leaves the event loop its turns, so that Ctrl-C is heard", async () => {
    let turns = 0;
    const count = (): void => {
      turns += 1;
      pending = setImmediate(count);
    };
    let pending = setImmediate(count);
    const empty = Buffer.alloc(3 * 10_000);
    const frames = Array.from({ length: 10_000 }, () => frame([rawBlock("")]));
    await pieces(Buffer.concat([...frames, frame([empty, rawBlock("")])]), 10 * MIB);
    clearImmediate(pending);
    expect(turns).toBeGreaterThan(200);
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
