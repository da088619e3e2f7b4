import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseEndpoint } from "../../src/registry-server/endpoint.js";

describe("parseEndpoint", () => {
  test.each<[string, unknown]>([
    ["/v2/", { kind: "base" }],
    ["/v2", { kind: "base" }],
    ["/v2/app/manifests/latest", { kind: "manifest", repository: "app", reference: "latest" }],
    ["/v2/a/b-c/d__e/manifests/sha256:ab", { kind: "manifest", repository: "a/b-c/d__e", reference: "sha256:ab" }],
    ["/v2/app/blobs/sha256:ab", { kind: "blob", repository: "app", digest: "sha256:ab" }],
    ["/v2/app/blobs/sha256%3Aab", { kind: "blob", repository: "app", digest: "sha256:ab" }],
    ["/v2/app/blobs/uploads/", { kind: "uploads", repository: "app" }],
    ["/v2/app/blobs/uploads", { kind: "uploads", repository: "app" }],
    ["/v2/app/blobs/uploads/7", { kind: "upload", repository: "app", id: "7" }],
    ["/v2/blobs/uploads/blobs/uploads/7", { kind: "upload", repository: "blobs/uploads", id: "7" }],
    ["/v2/app/referrers/sha256:ab", { kind: "referrers", repository: "app", digest: "sha256:ab" }],
    ["/v2/app/tags/list", { kind: "tags", repository: "app" }],
  ])("reads %s", (path, expected) => expect(parseEndpoint(path)).toEqual(expected));

  test.each(["/", "/v1/", "/v2/app", "/v2/App/tags/list", "/v2/app/manifests/", "/v2/app/tags/", "/v2/../manifests/x"])(
    "finds nothing at %s",
    (path) => expect(parseEndpoint(path)).toEqual({ kind: "unknown" }),
  );

  test("takes any text, and finds nothing in it that is not there", () => {
    const unit = fc.constantFrom(
      "/",
      "a",
      "B",
      "..",
      "manifests",
      "blobs",
      "uploads",
      "tags",
      "list",
      "referrers",
      ":",
      "%",
      "\n",
    );
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit })), (text) => {
        const { kind, ...parts } = parseEndpoint(`/v2/${text}`);
        expect(kind).not.toBe("");
        for (const part of Object.values(parts)) expect(text).toContain(part);
      }),
    );
  });
});
