import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSealiftError } from "../../src/errors/index.js";
import { formatPlatform, isUnknownPlatform, parsePlatform, platformMatches } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";

/** A platform as an image states it: read without any normalisation. */
function stated(text: string): { os: string; architecture: string; variant?: string } {
  const [os = "", architecture = "", variant] = text.split("/");
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

// containerd's names for the same thing (platforms, TestNormalize and TestParseSelector),
// but that Sealift writes arm/v7 out, which containerd's Format leaves away.
const SAME = [
  ["linux/amd64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["Linux/x86-64", "linux/amd64"],
  ["linux/amd64/v1", "linux/amd64"],
  ["linux/AMD64/V2", "linux/amd64/v2"],
  ["linux/i386", "linux/386"],
  ["linux/i386/sse2", "linux/386"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/Aarch64", "linux/arm64"],
  ["linux/aarch64/v8", "linux/arm64"],
  ["linux/arm64/8", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm64/v8.0", "linux/arm64"],
  ["linux/arm64/v8.2", "linux/arm64/v8.2"],
  ["linux/arm64/9", "linux/arm64/v9"],
  ["linux/arm64/9.0", "linux/arm64/v9"],
  ["linux/arm64/v9.0", "linux/arm64/v9"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/7", "linux/arm/v7"],
  ["linux/armhf", "linux/arm/v7"],
  ["linux/armhf/v6", "linux/arm/v7"],
  ["linux/armel", "linux/arm/v6"],
  ["linux/arm/5", "linux/arm/v5"],
  ["linux/arm/6", "linux/arm/v6"],
  ["linux/arm/8", "linux/arm/v8"],
  ["linux/s390x", "linux/s390x"],
  ["windows/amd64", "windows/amd64"],
  ["linux/riscv64/rva22u64", "linux/riscv64/rva22u64"],
] as const;

describe("a platform", () => {
  test.each(SAME)("%s is read as %s", (text, normal) => {
    expect(formatPlatform(parsePlatform(text))).toBe(normal);
  });

  test.each(SAME)("%s, as an image states it, is what somebody gets who asks for %s", (text, normal) => {
    expect(platformMatches(parsePlatform(normal), stated(text))).toBe(true);
  });

  test.each([
    ["nothing", ""],
    ["an operating system alone", "linux"],
    ["an empty operating system", "/amd64"],
    ["an empty architecture", "linux/"],
    ["an empty variant", "linux/arm/"],
    ["a fourth part", "linux/arm/foo/bar"],
    ["a space", "linux /arm"],
    ["another character", "linux/&arm"],
    ["a wildcard", "linux/*"],
    ["an OS version", "windows(10.0.17763)/amd64"],
    ["a line end", "linux/amd64\n"],
  ])("with %s is refused", async (_name, text) => {
    const error = await failureOf(() => parsePlatform(text));
    expect(error.code).toBe("USAGE");
    expect(error.message).toContain("expected a platform such as linux/amd64");
  });

  test.each(["constructor", "__proto__", "toString", "hasOwnProperty"])(
    "an architecture named like a member of every object (%s) is an unknown one, no crash",
    (architecture) => {
      expect(formatPlatform(parsePlatform(`linux/${architecture}`))).toBe(`linux/${architecture.toLowerCase()}`);
      expect(platformMatches({ os: "linux", architecture: "amd64" }, { os: "linux", architecture })).toBe(false);
    },
  );

  test("of any text is read or refused, and read again as it is written", () => {
    const part = fc.oneof(fc.constantFrom("linux", "arm", "arm64", "v8", "9", "armhf", "i386"), fc.string());
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
        let platform;
        try {
          platform = parsePlatform(parts.join("/"));
        } catch (error) {
          expect(isSealiftError(error, "USAGE")).toBe(true);
          return;
        }
        expect(parsePlatform(formatPlatform(platform))).toEqual(platform);
        expect(platformMatches(platform, platform)).toBe(true);
      }),
    );
  });
});

describe("an image", () => {
  test.each([
    ["linux/amd64", "linux/arm64"],
    ["linux/amd64", "windows/amd64"],
    ["linux/arm", "linux/arm/v6"],
    ["linux/arm/v6", "linux/arm"],
    ["linux/arm/v7", "linux/arm64"],
    ["linux/amd64/v3", "linux/amd64"],
    ["linux/arm64/v9", "linux/arm64"],
    ["linux/386", "linux/amd64"],
  ])("for who asks for %s is not one for %s", (wanted, offered) => {
    expect(platformMatches(parsePlatform(wanted), stated(offered))).toBe(false);
  });

  test.each([
    ["linux/amd64", "linux/amd64/v3"],
    ["linux/arm64", "linux/arm64/v9"],
    ["linux/riscv64", "linux/riscv64/rva22u64"],
  ])("for who asks for %s may be one for %s: no variant was asked for", (wanted, offered) => {
    expect(platformMatches(parsePlatform(wanted), stated(offered))).toBe(true);
  });

  test("for Windows matches whatever its version", () => {
    const offered = { os: "windows", architecture: "amd64", "os.version": "10.0.20348.1" };
    expect(platformMatches(parsePlatform("windows/amd64"), offered)).toBe(true);
  });

  test("for unknown/unknown is an attestation", () => {
    expect(isUnknownPlatform({ os: "unknown", architecture: "unknown" })).toBe(true);
    expect(isUnknownPlatform({ os: "linux", architecture: "unknown" })).toBe(false);
    expect(isUnknownPlatform({ os: "unknown", architecture: "amd64" })).toBe(false);
  });
});
