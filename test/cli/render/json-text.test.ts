import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonText } from "../../../src/cli/render/json-text.js";
import { SealiftError } from "../../../src/errors/index.js";

describe("jsonText", () => {
  test("errors have code, message and hint; what is undefined is null", () => {
    const errors = [new SealiftError("LOCKED", "wait", { hint: "for it" }), new SealiftError("DENIED", "no")];
    expect(JSON.parse(jsonText({ errors, nothing: undefined }))).toEqual({
      errors: [
        { code: "LOCKED", message: "wait", hint: "for it" },
        { code: "DENIED", message: "no", hint: null },
      ],
      nothing: null,
    });
  });

  test("keeps every text as it is, and shows no control character of it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const json = jsonText({ text });
        expect(JSON.parse(json)).toEqual({ text });
        expect(json).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      }),
    );
  });
});
