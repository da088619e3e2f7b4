import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSealiftError, quote, SealiftError } from "../../src/errors/index.js";

const ESC = "\u001b";
// What a terminal acts on, or what reorders or breaks a line.
const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

describe("SealiftError", () => {
  test("carries its code, exit code, hint and cause", () => {
    const cause = new Error("below");
    const error = new SealiftError("NO_SPACE", "expected room, got none", { hint: "free some", cause });

    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "SealiftError",
      code: "NO_SPACE",
      exitCode: 7,
      message: "expected room, got none",
      hint: "free some",
    });
    expect(error.cause).toBe(cause);
  });

  test("has no cause member unless one was given", () => {
    expect("cause" in new SealiftError("USAGE", "expected more")).toBe(false);
  });

  test.each([
    ["two lines", "first\nsecond", "first second"],
    ["Windows line ends and indentation", "first  \r\n\r\n   second\r\n", "first second"],
    ["only line ends", "\n\r\n", ""],
    ["spaces within a line", "a  b", "a  b"],
  ])("is one line: %s", (_name, message, line) => {
    expect(new SealiftError("UNEXPECTED", message).message).toBe(line);
  });

  test("a message that drives the terminal is escaped", () => {
    const message = `${ESC}]0;title\u0007 ${ESC}[2J \u009b31m \u202e`;
    expect(new SealiftError("UNEXPECTED", message).message).toBe(
      "\\u001b]0;title\\u0007 \\u001b[2J \\u009b31m \\u202e",
    );
  });

  test("a message of many spaces takes no longer than another", () => {
    const message = `a${" ".repeat(300_000)}b`;
    expect(new SealiftError("UNEXPECTED", message).message).toBe(message);
  });
});

describe("isSealiftError", () => {
  const error = new SealiftError("LOCKED", "expected nobody, got somebody");

  test("is true for any code, if none is asked for, and else for those asked for", () => {
    expect(isSealiftError(error)).toBe(true);
    expect(isSealiftError(error, "NO_SPACE", "LOCKED")).toBe(true);
    expect(isSealiftError(error, "NO_SPACE")).toBe(false);
  });

  test.each([[new Error("LOCKED")], [{ code: "LOCKED", name: "SealiftError" }], ["LOCKED"], [undefined], [null]])(
    "is false for %j",
    (other) => {
      expect(isSealiftError(other)).toBe(false);
    },
  );
});

describe("quote", () => {
  test.each([
    ["plain", '"plain"'],
    ['with "quotes"', '"with \\"quotes\\""'],
    ["back\\slash", '"back\\\\slash"'],
    ["line\nbreak\ttab", '"line\\u000abreak\\u0009tab"'],
    [`${ESC}[31mred`, '"\\u001b[31mred"'],
    ["a\u202eb", '"a\\u202eb"'],
    ["a\u2067b\u2028c\u009bd", '"a\\u2067b\\u2028c\\u009bd"'],
    ["Schlüssel ☃", '"Schlüssel ☃"'],
    ["", '""'],
  ])("of %j is %s", (text, quoted) => {
    expect(quote(text)).toBe(quoted);
  });

  test("cuts what is too long, and says so", () => {
    expect(quote("x".repeat(200))).toBe(`"${"x".repeat(200)}"`);
    expect(quote("x".repeat(201))).toBe(`"${"x".repeat(200)}…"`);
    expect(quote("abcdef", 3)).toBe('"abc…"');
  });

  test("of anything is short, has no dangerous character, and keeps its quotes shut", () => {
    // All of UTF-16, halves of surrogate pairs too; mostly what is of interest here.
    const unit = fc.oneof(
      fc.integer({ min: 0, max: 0xffff }),
      fc.constantFrom(0x1b, 0x5c, 0x22, 0x75, 0x9b, 0x202e, 0x2066, 0x0a),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 300 }), (units) => {
        const quoted = quote(String.fromCharCode(...units), 50);
        // Each character takes six at most: a backslash, u and four digits.
        expect(quoted.length).toBeLessThanOrEqual(2 + 6 * 51);
        expect(quoted).not.toMatch(DANGEROUS);
        expect(quoted).toMatch(/^"(?:[^"\\]|\\.)*"$/u);
      }),
    );
  });
});
