import { describe, expect, test } from "vitest";
import { SealiftError } from "../../../src/errors/index.js";
import { inParts } from "../../../src/operations/read/in-parts.js";
import { failureOf } from "../../support/errors.js";

const place = { position: 5, size: 10 };
const damaged = new SealiftError("DIGEST_MISMATCH", "expected this, got that", { hint: "copy it again" });
const parted = { nameParts: async (position: number, length: number) => `part ${position}+${length}` };

describe("a check of bytes of a bundle", () => {
  test("gives what it gives", async () => {
    expect(await inParts(parted, place, () => "right")).toBe("right");
  });

  test("names the parts if they are wrong, and keeps all else", async () => {
    const error = await failureOf(() =>
      inParts(
        parted,
        () => place,
        () => Promise.reject(damaged),
      ),
    );
    expect(error).toMatchObject({
      code: "DIGEST_MISMATCH",
      message: "expected this, got that; it lies in part 5+10",
      hint: "copy it again",
      cause: damaged,
    });
  });

  test.each([
    ["a bundle in one file", {}, damaged],
    ["what is not about its bytes", parted, new SealiftError("UNREACHABLE", "expected a registry, got none")],
    ["what is no error of Sealift", parted, new SealiftError("MEDIUM_FAILED", "expected to read, got EIO")],
  ])("leaves errors alone: %s", async (_name, source, error) => {
    const check = (): never => {
      throw error;
    };
    expect(await failureOf(() => inParts(source, place, check))).toBe(error);
  });
});
