import { expect, test } from "vitest";
import { hideDashes, showDashes } from "../../src/cli/lone-dash.js";
import { FakeHost } from "./fake-host.js";

test("a - comes through, as an operand and as a value, and nothing else is touched", () => {
  const hidden = hideDashes(["verify", "-", "--key", "-", "--", "-x"]);
  expect(hidden.filter((word) => word === "-")).toEqual([]);
  const args = { bundle: [hidden[1]], key: hidden[3], rest: hidden.slice(4), deep: true, none: undefined };
  expect(showDashes(args)).toEqual({ bundle: ["-"], key: "-", rest: ["--", "-x"], deep: true, none: undefined });
});

test("what is said of a command line shows it as it was typed", async () => {
  const host = new FakeHost();
  expect(await host.run("tags", "app", "-")).toBe(2);
  expect(host.stderr.text).toContain('expected no more after what tags needs, got "-"');
});
