import { describe, expect, test } from "vitest";
import { parseVolumeSize } from "../../src/bundle/index.js";
import { failureOf } from "../support/errors.js";

describe("the size of volumes", () => {
  test.each([
    ["4GB", 4_000_000_000],
    ["4gb", 4_000_000_000],
    ["25 GB", 25_000_000_000],
    ["3.9GiB", 4_187_593_113 - (4_187_593_113 % 512)],
    ["700MiB", 700 * 1024 * 1024],
    ["1.44MB", 1_439_744],
    ["1MB", 999_936],
    ["2097152B", 2_097_152],
    ["1TB", 1e12],
    ["2TiB", 2 * 1024 ** 4],
  ])("%s is %i bytes, in whole blocks", (text, bytes) => {
    expect(parseVolumeSize(text)).toBe(bytes);
    expect(bytes % 512).toBe(0);
  });

  test("fat32 is the most whole blocks that a file on FAT32 can have", () => {
    expect(parseVolumeSize("fat32")).toBe(4_294_966_784);
    expect(parseVolumeSize("FAT32") + 512).toBeGreaterThan(0xffff_ffff);
  });

  test("dvd leaves room for a file system on the smaller of the two kinds", () => {
    expect(4_700_372_992 - parseVolumeSize("dvd")).toBe(2 * 1024 * 1024);
  });

  test.each([
    ["", "its unit"],
    ["4", "its unit"],
    ["4G", "its unit"],
    ["GB", "its unit"],
    ["-4GB", "its unit"],
    ["4GB5", "its unit"],
    ["1e9GB", "its unit"],
    ["0x4GB", "its unit"],
    ["4\nGB", "its unit"],
    ["cd", "its unit"],
    ["constructor", "its unit"],
    ["0GB", "from 1000000"],
    ["512B", "from 1000000"],
    ["999999B", "from 1000000"],
    ["999999999TB", "from 1000000"],
  ])("%j is refused", async (text, part) => {
    const failure = await failureOf(() => parseVolumeSize(text));
    expect(failure.code).toBe("USAGE");
    expect(failure.message).toContain(part);
    expect(failure.hint).toContain("fat32");
  });
});
