import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTagPattern, parseImage, tagSelector } from "../../src/tags/index.js";

async function select(pattern: string, tags: readonly string[]): Promise<string[]> {
  const image = parseImage(`nginx${pattern}`);
  if (!isTagPattern(image)) throw new Error(`${pattern} is no pattern`);
  return (await tagSelector(image))(tags);
}

const NGINX = [
  ...["latest", "stable", "alpine", "stable-alpine", "1", "1-alpine", "20240115"],
  ...["1.26", "1.26.0", "1.26.2", "1.26.2-alpine", "1.27", "1.27-alpine", "1.27.0", "1.27.9", "1.27.10"],
  ...["1.27.10-alpine", "1.27.10-alpine3.20", "1.27.10-alpine-slim", "1.28.0-rc1", "2.0.0"],
];

describe("a range", () => {
  test.each([
    [":~1.27", ["1.27.0", "1.27.9", "1.27.10"]],
    [":^1.27", ["1.27.0", "1.27.9", "1.27.10"]],
    [":>=1.26 <1.27.9", ["1.26.0", "1.26.2", "1.27.0"]],
    [":>1.27", ["2.0.0"]],
    [":1.26.2 || >=2", ["1.26.2", "2.0.0"]],
    [":1.26 - 1.27", ["1.26.0", "1.26.2", "1.27.0", "1.27.9", "1.27.10"]],
    [":>=1@newest=2", ["1.27.10", "2.0.0"]],
    [":>=1@newest=100", ["1.26.0", "1.26.2", "1.27.0", "1.27.9", "1.27.10", "2.0.0"]],
    [":>=1.28.0-rc.0 <2", ["1.28.0-rc1"]],
    [":=1.27.10-alpine", ["1.27.10-alpine"]],
    [":>=3", []],
  ])("%s", async (pattern, expected) => {
    expect(await select(pattern, NGINX)).toEqual(expected);
  });

  test.each([
    [
      "PostgreSQL: two numbers are a version where no three are",
      ":^16",
      ["16", "16.1", "16.2", "15.6"],
      ["16.1", "16.2"],
    ],
    ["Ubuntu: leading zeros count for nothing", ":>=22", ["22.04", "22.10", "20.04"], ["22.04", "22.10"]],
    ["a v in front is no part of a version", ":^1", ["v1.2.0", "1.3.0", "v2.0.0"], ["v1.2.0", "1.3.0"]],
    ["an alias is no version even where the newest is out of range", ":=1.27.0", ["1.27", "1.27.5"], []],
    [
      "four numbers, dates, commits and underscores are no versions",
      ":>=0",
      ["1.2.3.4", "20240115", "1.2.3_4", "1.2.3-"],
      [],
    ],
    ["a date in three numbers is one", ":>=2024", ["2024.01.15", "2023.12.31"], ["2024.01.15"]],
    ["numbers that are too large are none", ":>=0", ["9007199254740993.0.0", "99999999999999999999.1"], []],
  ])("%s", async (_what, pattern, tags, expected) => {
    expect(await select(pattern, tags)).toEqual(expected);
  });

  test.each([":~foo", ":>=", ":1.x.y ||| 2", ":^1.27-alpine..x", ":=1.2.3.4"])("%s is none", async (pattern) => {
    await expect(select(pattern, [])).rejects.toMatchObject({
      code: "REFERENCE_INVALID",
      message: expect.stringContaining("expected a range of versions, got") as string,
    });
  });
});

describe("a glob", () => {
  test.each([
    [":1.26*", ["1.26", "1.26.0", "1.26.2-alpine", "1.26.2"]],
    [":*alpine", ["1-alpine", "alpine", "stable-alpine", "1.26.2-alpine", "1.27-alpine", "1.27.10-alpine"]],
    ["@newest=2", ["1.27.10", "2.0.0"]],
    [":1.27.*@newest=2", ["1.27.9", "1.27.10"]],
    [":*-alpine@newest=1", ["1.27.10-alpine"]],
    [":1.2?@newest=1", ["1.27"]],
    [":st*@newest=1", []],
  ])("%s", async (pattern, expected) => {
    expect(await select(pattern, NGINX)).toEqual(expected);
  });

  test("all tags are listed with versions last, the newest at the end", async () => {
    expect(await select(":*", [...NGINX].reverse())).toEqual([
      ...["1", "1-alpine", "20240115", "alpine", "latest", "stable", "stable-alpine"],
      ...["1.26", "1.26.0", "1.26.2-alpine", "1.26.2", "1.27-alpine", "1.27", "1.27.0", "1.27.9"],
      ...["1.27.10-alpine", "1.27.10-alpine-slim", "1.27.10-alpine3.20", "1.27.10", "1.28.0-rc1", "2.0.0"],
    ]);
  });
});

describe("the newest", () => {
  test("two tags of one version count once", async () => {
    const tags = ["1.2.0", "v1.2.0", "1.1.0", "1.0.0"];
    expect(await select("@newest=2", tags)).toEqual(["1.1.0", "1.2.0", "v1.2.0"]);
  });

  test("suffixes are compared as semver does, numbers as numbers", async () => {
    const tags = ["1.0.0-rc.2", "1.0.0-rc.10", "1.0.0-rc.009", "1.0.0-beta"];
    expect(await select(":*-*@newest=2", tags)).toEqual(["1.0.0-rc.009", "1.0.0-rc.10"]);
  });
});

const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
const version = fc.stringMatching(/^v?[0-9]{1,3}\.[0-9]{1,2}(\.[0-9]{1,2})?(-[a-z0-9.]{1,4})?$/);
const tags = fc.uniqueArray(fc.oneof(tag, version), { maxLength: 30 });

test("any tags: nothing is made up, nothing is lost by *, and the order of the list does not matter", async () => {
  await fc.assert(
    fc.asyncProperty(
      tags,
      fc.constantFrom(":*", ":>=0", ":~1.2", "@newest=2", ":*-*@newest=1"),
      async (list, pattern) => {
        const selected = await select(pattern, list);
        expect(list).toEqual(expect.arrayContaining(selected));
        expect(new Set(selected).size).toBe(selected.length);
        if (pattern === ":*") expect(selected).toHaveLength(list.length);
        expect(await select(pattern, [...list].reverse())).toEqual(selected);
      },
    ),
  );
});
