import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseGlob } from "../../src/tags/glob.js";

function matching(pattern: string, tags: readonly string[]): string[] | undefined {
  const matches = parseGlob(pattern);
  return matches && tags.filter(matches);
}

describe("a glob", () => {
  test.each<[string, string[], string[]]>([
    ["1.27.*", ["1.27.0", "1.27.10-alpine", "1.27."], ["1.27", "1.270.1", "11.27.0"]],
    ["*", ["a", "1.27", "_"], []],
    ["**", ["a", "1.27"], []],
    ["*-alpine", ["1-alpine", "a-b-alpine", "-alpine"], ["alpine", "1-alpine3"]],
    ["1.*-alpine*", ["1.27-alpine", "1.2-slim-alpine3.19"], ["2.27-alpine", "1.27"]],
    ["1.2?", ["1.26", "1.2x"], ["1.2", "1.260"]],
    ["[0-9]*", ["1.27", "9"], ["latest", "v1"]],
    ["[!0-9]*", ["latest", "v1"], ["1.27"]],
    ["[^0-9]*", ["latest", "v1"], ["1.27"]],
    ["v[13-5_-]", ["v1", "v3", "v4", "v5", "v_", "v-"], ["v2", "v", "v11"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["1.27", ["1.27"], ["1x27", "1.27.0"]],
    ["a*b*c", ["abc", "aXbYc", "abbcc"], ["ab", "acb"]],
    ["*.*.*", ["1.2.3", "..."], ["1.2"]],
  ])("%s", (pattern, tags, others) => {
    expect(matching(pattern, [...tags, ...others])).toEqual(tags);
  });

  test.each(["[", "[]", "]", "[z-a]", "[!]", "{1,2}", "@(a|b)", "(a+)+", "1.27|1.28", "a b", "a/b", "\\*", "a+", "ä"])(
    "%s is none",
    (pattern) => {
      expect(parseGlob(pattern)).toBeUndefined();
    },
  );

  const tag = fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "1"), maxLength: 12 });

  test("matches what a regular expression for it matches", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "1", "*", "?"), maxLength: 8 });
    fc.assert(
      fc.property(pattern, tag, (text, candidate) => {
        const source = text.replace(/[.*?]/g, (wild) => ({ ".": "\\.", "*": ".*", "?": "." })[wild] ?? "");
        expect(parseGlob(text)?.(candidate)).toBe(new RegExp(`^${source}$`).test(candidate));
      }),
    );
  });

  test("matches each tag that it is", () => {
    fc.assert(
      fc.property(tag, (text) => {
        expect(parseGlob(text)?.(text)).toBe(true);
      }),
    );
  });

  test("hostile: a tag that is made for a pattern of many stars takes no longer than others", () => {
    // A backtracking matcher does not come to an end within the age of the universe.
    const matches = parseGlob(`${"*?-".repeat(60)}x`);
    expect(matches?.("-".repeat(128))).toBe(false);
  });
});
