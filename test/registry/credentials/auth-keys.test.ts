import { describe, expect, test } from "vitest";
import { dockerKey, matchingKeys, registryOf } from "../../../src/registry/credentials/auth-keys.js";

describe("matchingKeys", () => {
  test.each<[string, string[], string, string | undefined, string[]]>([
    ["the exact name", ["reg.internal:5000"], "reg.internal:5000", undefined, ["reg.internal:5000"]],
    ["another port", ["reg.internal:5001", "reg.internal"], "reg.internal:5000", undefined, []],
    ["a name that ends alike", ["evil-reg.internal", "internal"], "reg.internal", undefined, []],
    ["a scheme and a path", ["https://reg.internal/v1/"], "reg.internal", undefined, ["https://reg.internal/v1/"]],
    [
      "the exact name before one with a scheme",
      ["http://r", "https://r/v2/", "r"],
      "r",
      undefined,
      ["r", "http://r", "https://r/v2/"],
    ],
    [
      "the longest namespace first",
      ["q.io", "q.io/team", "q.io/team/app", "q.io/other"],
      "q.io",
      "team/app",
      ["q.io/team/app", "q.io/team", "q.io"],
    ],
    ["no part of a component", ["q.io/te", "q.io/team/ap"], "q.io", "team/app", []],
    ["a namespace for whoever asks for the registry", ["q.io/team"], "q.io", undefined, []],
    [
      "Docker Hub",
      ["docker.io", "https://index.docker.io/v1/", "docker.io/library"],
      "docker.io",
      "library/nginx",
      ["docker.io/library", "https://index.docker.io/v1/", "docker.io"],
    ],
    ["Docker Hub's other names", ["registry-1.docker.io"], "docker.io", undefined, ["registry-1.docker.io"]],
    ["a name of an object's own", ["__proto__", "constructor"], "reg", "constructor", []],
  ])("%s", (_what, keys, registry, repository, expected) => {
    expect(matchingKeys(keys, registry, repository)).toEqual(expected);
  });
});

test("registryOf gives no registry for what names a namespace", () => {
  expect(registryOf("q.io/team")).toBe("q.io/team");
  expect(registryOf("https://q.io/team")).toBe("q.io");
});

test("dockerKey is Docker's own name for Docker Hub only", () => {
  expect(dockerKey("docker.io")).toBe("https://index.docker.io/v1/");
  expect(dockerKey("docker.io.evil.example")).toBe("docker.io.evil.example");
});
