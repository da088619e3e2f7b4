import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseNetwork, parseNoProxy } from "../../../src/registry/proxy/no-proxy.js";

describe("NO_PROXY", () => {
  test.each<[string, string, boolean]>([
    ["", "https://reg.test/", false],
    ["*", "https://reg.test/", true],
    ["a.test, *", "https://reg.test/", true],
    ["reg.test", "https://reg.test/", true],
    ["reg.test", "https://reg.test:5000/", true],
    ["reg.test", "https://a.reg.test/", true],
    ["reg.test", "https://areg.test/", false],
    ["reg.test", "https://test/", false],
    ["REG.Test", "https://reg.test/", true],
    ["reg.test", "https://reg.test./", true],
    [".reg.test", "https://reg.test/", false],
    [".reg.test", "https://a.reg.test/", true],
    ["*.reg.test", "https://a.b.reg.test/", true],
    ["*.reg.test", "https://reg.test/", false],
    ["reg.test:5000", "https://reg.test:5000/", true],
    ["reg.test:5000", "https://reg.test/", false],
    ["reg.test:443", "https://reg.test/", true],
    ["reg.test:80", "http://reg.test/", true],
    ["a.test,reg.test b.test", "https://reg.test/", true],
    ["10.0.0.1", "https://10.0.0.1/", true],
    ["10.0.0.1", "https://10.0.0.10/", false],
    ["10.0.0.1:5000", "https://10.0.0.1:5000/", true],
    ["10.0.0.1:5000", "https://10.0.0.1/", false],
    ["10.0.0.0/8", "https://10.1.2.3:5000/", true],
    ["10.0.0.0/8", "https://11.1.2.3/", false],
    ["10.0.0.0/8", "https://10.reg.test/", false],
    ["10.0.0.0/99", "https://10.1.2.3/", false],
    ["fd00::/8", "https://[fd00::1]:5000/", true],
    ["fd00::/8", "https://[fe80::1]/", false],
    ["fd00::1", "https://[fd00:0::1]/", true],
    ["[fd00::1]:5000", "https://[fd00::1]:5000/", true],
    ["[fd00::1]:5000", "https://[fd00::1]/", false],
    [".", "https://reg.test/", false],
    ["", "http://localhost:5000/", true],
    ["", "https://127.0.0.1/", true],
    ["", "https://127.9.9.9:5000/", true],
    ["", "https://[::1]:5000/", true],
  ])("%j: %s is reached directly: %s", (text, url, expected) => {
    expect(parseNoProxy(text)(new URL(url))).toBe(expected);
  });

  test("may hold anything", () => {
    const url = new URL("https://reg.test:5000/");
    fc.assert(fc.property(fc.string(), (text) => typeof parseNoProxy(text)(url) === "boolean"));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("[", "]", ":", "/", ".", "*", ",", "0", "1", "9", "a", "f") }),
        (text) => {
          parseNoProxy(text)(url);
          parseNetwork(text)?.("10.0.0.1");
        },
      ),
    );
  });
});
