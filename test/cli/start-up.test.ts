import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const CLI = new URL("../../src/cli/", import.meta.url);

test("the API is loaded when a command runs, not for help or the version", () => {
  const files = readdirSync(CLI, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  expect(files).toContain("main.ts");
  const eager = files.filter((name) =>
    /^import (?!type\b)[^;]* from "(?:\.\.\/)+index\.js";/m.test(readFileSync(new URL(name, CLI), "utf8")),
  );
  expect(eager).toEqual([]);
});
