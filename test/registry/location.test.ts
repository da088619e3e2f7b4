import { describe, expect, test } from "vitest";
import { resolveLocation, withDigest } from "../../src/registry/location.js";

const ASKED = new URL("https://registry.example/v2/app/blobs/uploads/");

describe("resolveLocation", () => {
  test.each<[string, string]>([
    ["/v2/app/blobs/uploads/1?state=a%2Bb", "https://registry.example/v2/app/blobs/uploads/1?state=a%2Bb"],
    ["1", "https://registry.example/v2/app/blobs/uploads/1"],
    ["https://store.example/u/1?sig=x", "https://store.example/u/1?sig=x"],
    ["//store.example/u", "https://store.example/u"],
  ])("%s leads to %s", (location, expected) => {
    expect(resolveLocation(location, ASKED, "it").href).toBe(expected);
  });

  test.each<[string, string | undefined]>([
    ["no place", undefined],
    ["no URL", "https://"],
    ["no HTTP", "file:///etc/passwd"],
    ["plain HTTP", "http://registry.example/v2/app/blobs/uploads/1"],
  ])("%s is an error", (_what, location) => {
    expect(() => resolveLocation(location, ASKED, "it")).toThrow(
      expect.objectContaining({ code: "REGISTRY_PROTOCOL" }),
    );
  });

  test("plain HTTP may lead to TLS", () => {
    const asked = new URL("http://localhost:5000/v2/");
    expect(resolveLocation("https://store.example/", asked, "it").protocol).toBe("https:");
  });
});

describe("withDigest", () => {
  test.each<[string, string]>([
    ["https://r/u/1", "https://r/u/1?digest=sha256%3Aab"],
    ["https://r/u/1?_state=A%2B/b+c==", "https://r/u/1?_state=A%2B/b+c==&digest=sha256%3Aab"],
  ])("adds to %s, and leaves its query as it is", (location, expected) => {
    expect(withDigest(new URL(location), "sha256:ab").href).toBe(expected);
  });
});
