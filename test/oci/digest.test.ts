import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  digestAlgorithm,
  digestHex,
  digestOf,
  finishDigest,
  isDigest,
  parseDigest,
  shortDigest,
} from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";

const HEX_64 = "0123456789abcdef".repeat(4);
const HEX_128 = HEX_64.repeat(2);

describe("a digest", () => {
  test.each([
    [`sha256:${HEX_64}`, "sha256", HEX_64],
    [`sha512:${HEX_128}`, "sha512", HEX_128],
  ])("%s is read", (text, algorithm, hex) => {
    const digest = parseDigest(text);
    expect(digest).toBe(text);
    expect(digestAlgorithm(digest)).toBe(algorithm);
    expect(digestHex(digest)).toBe(hex);
    expect(shortDigest(digest)).toBe(`${algorithm}:0123456789ab`);
  });

  test.each([
    ["nothing", ""],
    ["no algorithm", HEX_64],
    ["an empty algorithm", `:${HEX_64}`],
    ["another algorithm", `sha384:${"a".repeat(96)}`],
    ["md5", `md5:${"a".repeat(32)}`],
    ["an algorithm in capitals", `SHA256:${HEX_64}`],
    ["digits in capitals", `sha256:${HEX_64.toUpperCase()}`],
    ["a digit too few", `sha256:${HEX_64.slice(1)}`],
    ["a digit too many", `sha256:${HEX_64}0`],
    ["sha256 with sha512's length", `sha256:${HEX_128}`],
    ["sha512 with sha256's length", `sha512:${HEX_64}`],
    ["a letter that is no digit", `sha256:g${HEX_64.slice(1)}`],
    ["a path", `sha256:../${HEX_64.slice(3)}`],
    ["a line end after it", `sha256:${HEX_64}\n`],
    ["a space before it", ` sha256:${HEX_64}`],
    ["full-width digits", `sha256:${"０".repeat(64)}`],
  ])("with %s is refused", async (_name, text) => {
    expect(isDigest(text)).toBe(false);
    const error = await failureOf(() => parseDigest(text));
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.message).toMatch(/^expected a digest \(sha256: .*\), got "/);
  });

  test("of bytes is what node:crypto says, in one piece or in several", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom("sha256", "sha512"), (bytes, algorithm) => {
        const expected = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
        expect(digestOf(bytes, algorithm)).toBe(expected);
        const hash = createHash(algorithm).update(bytes.subarray(0, 3)).update(bytes.subarray(3));
        expect(finishDigest(hash, algorithm)).toBe(expected);
        expect(isDigest(expected)).toBe(true);
      }),
    );
  });

  test("of bytes is of SHA-256 unless asked otherwise", () => {
    expect(digestOf(Buffer.alloc(0))).toBe("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });
});
