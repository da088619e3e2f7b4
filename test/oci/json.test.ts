import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { isSealiftError } from "../../src/errors/index.js";
import { listOf, parseJson } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";

const nameSchema = z.object({ name: z.string() });

function parse<T>(bytes: Uint8Array | string, schema: z.ZodType<T>): T {
  return parseJson(Buffer.from(bytes), schema, "the document", "BUNDLE_INVALID");
}

function nested(depth: number, innermost = ""): string {
  return "[".repeat(depth) + innermost + "]".repeat(depth);
}

describe("JSON from outside", () => {
  test("is checked, and rid of unknown members", () => {
    expect(parse('{"name":"Ä","more":1}', nameSchema)).toEqual({ name: "Ä" });
  });

  test.each<[string, Uint8Array | string, RegExp]>([
    ["nothing", "", /got nothing/],
    ["text", "hello", /got "hello"/],
    ["half a document", '{"name":"x"', /got /],
    ["a second document", '{"name":"x"}{}', /got /],
    ["a comment", '{"name":"x"} // yes', /got /],
    ["NaN", '{"name":NaN}', /got /],
    ["a byte order mark, which Go refuses, too", '\ufeff{"name":"x"}', /got /],
    ["UTF-16", Buffer.from('{"name":"x"}', "utf16le"), /got /],
    ["Latin-1", Buffer.from('{"name":"\xe4"}', "latin1"), /not valid for encoding utf-8/],
    ["overlong UTF-8", Buffer.from('{"name":"\xc0\xaf"}', "latin1"), /not valid for encoding utf-8/],
    [
      "half a surrogate pair in UTF-8",
      Buffer.from('{"name":"\xed\xa0\x80"}', "latin1"),
      /not valid for encoding utf-8/,
    ],
    ["a raw line end in a string", '{"name":"a\nb"}', /got /],
  ])("that is %s is refused", async (_name, bytes, message) => {
    const error = await failureOf(() => parse(bytes, nameSchema));
    expect(error.code).toBe("BUNDLE_INVALID");
    expect(error.message).toMatch(/^expected the document to be JSON, got /);
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
  });

  test("may be nested 64 deep, and no deeper", async () => {
    expect(parse(nested(64), z.unknown())).toBeInstanceOf(Array);
    expect((await failureOf(() => parse(nested(65), z.unknown()))).message).toContain("nested deeper than 64 levels");
    const objects = '{"a":'.repeat(65) + "1" + "}".repeat(65);
    expect((await failureOf(() => parse(objects, z.unknown()))).message).toContain("nested deeper than 64 levels");
  });

  test("nested a million deep does not exhaust the stack", async () => {
    expect((await failureOf(() => parse("[".repeat(1_000_000), z.unknown()))).code).toBe("BUNDLE_INVALID");
    // More closed than opened, so that a count of levels begins below zero.
    const shifted = `${"]".repeat(1_000_000)}${nested(1_000_000)}`;
    expect((await failureOf(() => parse(shifted, z.unknown()))).code).toBe("BUNDLE_INVALID");
  });

  test("may have any number of brackets in its strings, and side by side", () => {
    expect(parse(JSON.stringify({ name: nested(100) }), nameSchema).name).toHaveLength(200);
    expect(parse(JSON.stringify({ name: `\\"${"[".repeat(100)}` }), nameSchema).name).toHaveLength(102);
    expect(parse(JSON.stringify({ name: "\\", more: "[".repeat(100) }), nameSchema)).toEqual({ name: "\\" });
    expect(parse(`[${Array(100).fill("[]").join()}]`, z.array(z.unknown()))).toHaveLength(100);
  });

  test("with a member twice means the last one, as in Go", () => {
    expect(parse('{"name":"first","name":"last"}', nameSchema)).toEqual({ name: "last" });
  });

  test("with __proto__ changes no prototype", () => {
    const parsed: object = parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"name":"x"}',
      nameSchema,
    );
    expect(parsed).toEqual({ name: "x" });
    expect(Reflect.get(parsed, "polluted")).toBeUndefined();
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  test("has all that is wrong said at once", async () => {
    const schema = z.object({ a: z.string(), b: z.object({ c: z.number() }) });
    const { message } = await failureOf(() => parse('{"a":1,"b":{"c":"x"}}', schema));
    expect(message).toMatch(/^the document is not valid: "a": .*; "b\.c": /);
  });

  test("with too much wrong has the first of it said", async () => {
    const schema = z.object(Object.fromEntries(Array.from("abcdefg").map((name) => [name, z.string()])));
    const { message } = await failureOf(() => parse("{}", schema));
    expect(message).toMatch(/"e": [^;]*; and 2 more$/);
    expect(message).not.toContain('"f"');
  });

  test("with unknown members of hostile names has them said in one short line", async () => {
    const document = JSON.stringify({ [`\u001b[2J\n${"k".repeat(1_000_000)}`]: 1 });
    const { message } = await failureOf(() => parse(document, z.strictObject({})));
    expect(message.length).toBeLessThan(300);
    expect(message).not.toMatch(/[\u0000-\u001f]/);
  });

  test("of any bytes is parsed or refused, never anything else", () => {
    const json = fc.json().map((text) => Buffer.from(text));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
          json,
        ),
        (bytes) => {
          try {
            parse(bytes, z.unknown());
          } catch (error) {
            expect(isSealiftError(error, "BUNDLE_INVALID")).toBe(true);
          }
        },
      ),
    );
  });
});

describe("a list", () => {
  const list = z.object({ list: listOf(z.object({ a: z.string(), b: z.string().transform(Number) })) });

  test("is checked item by item", () => {
    expect(parse('{"list":[{"a":"x","b":"1"},{"a":"y","b":"2"}]}', list)).toEqual({
      list: [
        { a: "x", b: 1 },
        { a: "y", b: 2 },
      ],
    });
    expect(parse('{"list":[]}', list)).toEqual({ list: [] });
  });

  test("names all that is wrong with its first bad item, and no more", async () => {
    const { message } = await failureOf(() => parse('{"list":[{"a":"x","b":"1"},{},3]}', list));
    expect(message).toMatch(/^the document is not valid: "list\.1\.a": [^;]*; "list\.1\.b": [^;]*$/);
  });

  test.each(["{}", '"x"', "null", '{"0":{},"length":1}'])("is not %s", async (value) => {
    expect((await failureOf(() => parse(`{"list":${value}}`, list))).message).toMatch(/"list": .*expected array/);
  });
});
