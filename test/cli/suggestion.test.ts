import { describe, expect, test } from "vitest";
import { closest } from "../../src/cli/suggestion.js";

const COMMANDS = ["keygen", "export", "verify", "import", "inspect"];

describe("closest", () => {
  test.each([
    ["exprot", "export"],
    ["exporrt", "export"],
    ["ver", "verify"],
    ["Import", "import"],
    ["inspekt", "inspect"],
    ["serve", undefined],
    ["", undefined],
    ["--", undefined],
    ["exportimport", undefined],
  ])("%j means %j", (word, meant) => {
    expect(closest(word, COMMANDS)).toBe(meant);
  });

  test("has nothing to say where there is nothing to choose from", () => {
    expect(closest("export", [])).toBeUndefined();
  });
});
