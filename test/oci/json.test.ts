import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { isSealiftError } from "../../src/errors/index.js";
import { isAmbiguousJson, listOf, objectOf, parseJson } from "../../src/oci/index.js";
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

  test.each([
    ["members", `{${'"a":0,'.repeat(40)}`, "more than 30 members"],
    ["members with numbers as names", `{${Array.from({ length: 40 }, (_, at) => `"${at}":0`).join()}}`, "members"],
    ["members in many objects", `[${'{"a":0,"b":0,"c":0,"d":0},'.repeat(9)}0]`, "more than 30 members"],
    ["items", `[${"1,".repeat(40)}1]`, "more than 30 members and items"],
    ["objects", `[${"{},".repeat(40)}1]`, "more than 10 objects and arrays"],
  ])("hostile: with more %s than memory should hold is refused before it is parsed", async (_what, text, message) => {
    const parseAll = vi.spyOn(JSON, "parse");
    const error = await failureOf(() => parseJson(Buffer.from(text), z.unknown(), "it", "CONFIG_INVALID", 10));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain(message);
    expect(parseAll).not.toHaveBeenCalled();
    parseAll.mockRestore();
  });

  test("may have three members for each object, and commas and colons in its strings", () => {
    const text = `[${Array(9).fill('{"a":",,,,,","b":":::::","c":"\\"::,,"}').join()}]`;
    expect(parseJson(Buffer.from(text), z.array(z.unknown()), "it", "CONFIG_INVALID", 10)).toHaveLength(9);
  });

  test("may have any number of brackets in its strings, and side by side", () => {
    expect(parse(JSON.stringify({ name: nested(100) }), nameSchema).name).toHaveLength(200);
    expect(parse(JSON.stringify({ name: `\\"${"[".repeat(100)}` }), nameSchema).name).toHaveLength(102);
    expect(parse(JSON.stringify({ name: "\\", more: "[".repeat(100) }), nameSchema)).toEqual({ name: "\\" });
    expect(parse(`[${Array(100).fill("[]").join()}]`, z.array(z.unknown()))).toHaveLength(100);
  });

  test.each([
    ["at its top", '{"name":"first","name":"last"}'],
    ["with one value", '{"name":"x","name":"x"}'],
    ["in another spelling of the same characters", '{"name":"first","\\u006eame":"last"}'],
    ["among unknown members", '{"name":"x","more":{"a":1,"a":2}}'],
    ["in a list", '{"name":"x","more":[{},[{"a":1,"b":"a","a":{}}]]}'],
    ["that is __proto__", '{"name":"x","__proto__":1,"__proto__":2}'],
    ["without a name", '{"name":"x","":1,"":2}'],
  ])("with a member twice, of which each reader may take another, is refused: %s", async (_where, document) => {
    const error = await failureOf(() => parse(document, nameSchema));
    expect(error.code).toBe("BUNDLE_INVALID");
    expect(error.message).toBe("expected the document to have each member of an object once, got one twice");
    expect(error.hint).toContain("do not use it");
    expect(isAmbiguousJson(error)).toBe(true);
  });

  test("with a member in each of two objects is not taken for one with a member twice", () => {
    const document = '{"name":"a\\":\\":","more":[{"a":{"a":":"}},{"a":":\\\\"}], "0" : 1, "00":{"0":1,"name":[":"]}}';
    expect(parse(document, nameSchema)).toEqual({ name: 'a":":' });
  });

  test("without a member twice is never taken for one, and with one always", () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
    fc.assert(
      fc.property(objects, fc.nat(), (object, at) => {
        const text = JSON.stringify(object);
        expect(parse(text, z.unknown())).toEqual(JSON.parse(text));
        const names = Object.keys(object);
        const twice = JSON.stringify(names[at % names.length]);
        expect(() => parse(`{${twice}:0,${text.slice(1)}`, z.unknown())).toThrow("each member of an object once");
      }),
    );
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

describe("an object of known members", () => {
  const schema = objectOf({ os: z.string(), kind: z.string().optional(), "os.version": z.string().optional() });

  test("is checked, and rid of unknown members", async () => {
    expect(parse('{"os":"linux","more":1}', schema)).toEqual({ os: "linux" });
    const { message } = await failureOf(() => parse('{"os":1}', schema));
    expect(message).toMatch(/"os": /);
    for (const other of ["[]", `[${"0,".repeat(2000)}0]`, "null", '"os"']) {
      expect((await failureOf(() => parse(other, schema))).message).toContain("expected object");
    }
  });

  test.each([
    ["beside it", '{"os":"linux","OS":"windows"}', '"os", got "OS"'],
    ["before it", '{"Os":"windows","os":"linux"}', '"os", got "Os"'],
    ["without it", '{"Kind":"x","os":"linux"}', '"kind", got "Kind"'],
    ["with a dot in it", '{"os":"linux","OS.version":"1"}', '"os.version", got "OS.version"'],
    ["written with an escape", '{"os":"linux","\\u004fS":"windows"}', '"os", got "OS"'],
    ["with a long s, which folds to s", '{"os":"linux","o\u017f":"windows"}', '"os", got "o\u017f"'],
    ["with a Kelvin sign, which folds to k", '{"os":"linux","\u212aind":"x"}', '"kind", got "\u212aind"'],
    ["of an unknown member", '{"os":"linux","urls":[],"URLs":["https://x"]}', '"urls", got "URLs"'],
  ])(
    "with a twin in another case, which Go reads as the same member, is refused: %s",
    async (_where, document, end) => {
      const error = await failureOf(() => parse(document, schema));
      expect(error.message).toBe(`the document is not valid: expected no member that other tools take for ${end}`);
      expect(isAmbiguousJson(error)).toBe(true);
    },
  );

  test("is told apart from its twins as Unicode's simple folding says, for every character there is", () => {
    const folding = Array.from({ length: 0x110000 }, (_, point) => String.fromCodePoint(point)).filter((character) =>
      /^[a-z]$/iu.test(character),
    );
    expect(folding).toHaveLength(2 * 26 + 2);
    for (const character of folding) {
      const isFolded = new RegExp(character, "iu");
      const letter = Array.from("abcdefghijklmnopqrstuvwxyz").find((one) => isFolded.test(one)) ?? "";
      const known = objectOf({ [letter]: z.unknown().optional() });
      const parseIt = (): unknown => parse(JSON.stringify({ [character]: 1 }), known);
      if (character === letter) expect(parseIt()).toEqual({ [letter]: 1 });
      else expect(parseIt).toThrow(`take for "${letter}"`);
    }
  });

  test("has nothing said against other names that look like its own", () => {
    const others = { "os ": 1, o_s: 1, "os.Versión": 1, "\u043es": 1, oß: 1, toString: 1, constructor: 1 };
    expect(parse(JSON.stringify({ os: "linux", ...others }), schema)).toEqual({ os: "linux" });
  });

  test("has its twins named with where they are, once, in a short line", async () => {
    const twins = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`${"x".repeat(1000)}${at}`, 1]));
    const upper = Object.fromEntries(Object.keys(twins).map((name) => [name.toUpperCase(), 1]));
    const document = JSON.stringify({ list: [{ os: "linux" }, { os: "linux", ...twins, ...upper }] });
    const wide = await failureOf(() => parse(document, objectOf({ list: listOf(schema) })));
    expect(wide.message).toBe(`the document is not valid: "list.1": expected at most 1000 members, got 1801`);
    expect(isAmbiguousJson(wide)).toBe(true);
    const few = JSON.stringify({ list: [{ os: "linux", [`\n${"x".repeat(1e6)}`]: 1, [`\n${"X".repeat(1e6)}`]: 1 }] });
    const narrow = await failureOf(() => parse(few, objectOf({ list: listOf(schema) })));
    expect(narrow.message.length).toBeLessThan(300);
    expect(narrow.message).not.toMatch(/[\u0000-\u001f]/);
  });

  test("has no say in the maps it holds: their keys are anybody's choice", () => {
    const labelled = objectOf({ labels: z.record(z.string(), z.string()), more: z.unknown() });
    const document = { labels: { maintainer: "a", Maintainer: "b" }, more: { os: 1, OS: 2 } };
    expect(parse(JSON.stringify(document), labelled)).toEqual(document);
  });

  test("in half a million members is refused soon", async () => {
    const members = Array.from({ length: 500_000 }, (_, at) => `"${at}":0`).join();
    const { message } = await failureOf(() => parse(`{${members}}`, schema));
    expect(message).toContain("at most 1000 members, got 500000");
  });
});
