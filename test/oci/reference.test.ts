import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSealiftError } from "../../src/errors/index.js";
import {
  digestOf,
  formatReference,
  formatRepository,
  isTag,
  parseDestination,
  parseReference,
  type Reference,
} from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";

// The grammar at the head of distribution's reference.go, as one expression.
const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const COMPONENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const NAME_AND_TAG = new RegExp(`^(${COMPONENT}(?:/${COMPONENT})*)(?::\\w[\\w.-]{0,127})?$`);
const REGISTRY = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);

const alphabet = fc.constantFrom(...Array.from("abzAZ019._-_/:@[]%\n é"));
const tame = fc.string({ unit: fc.constantFrom(...Array.from("ab0._-/:A")), maxLength: 24 });

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3})?$/);
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const registry = fc
  .tuple(
    fc.oneof(
      fc.tuple(label, label).map((labels) => labels.join(".")),
      fc.constantFrom("localhost", "[::1]", "10.1.2.3", "Host"),
    ),
    port,
  )
  .map(([host, number]) => (number === undefined ? host : `${host}:${number}`));
const component = fc.stringMatching(/^[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/);
const reference: fc.Arbitrary<Reference> = fc
  .record({
    registry,
    path: fc.array(component, { minLength: 1, maxLength: 4 }),
    tag: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/),
    digest: fc
      .tuple(fc.uint8Array(), fc.constantFrom("sha256", "sha512"))
      .map(([bytes, algorithm]) => digestOf(bytes, algorithm)),
    has: fc.constantFrom("tag", "digest", "both"),
  })
  .map(({ registry, path, tag, digest, has }) => ({
    registry,
    repository: path.join("/"),
    ...(has === "digest" ? {} : { tag }),
    ...(has === "tag" ? {} : { digest }),
  }));

describe("a reference", () => {
  test("with tag and digest keeps both; with a digest only gets no tag", () => {
    const digest = digestOf(Buffer.from("x"));
    expect(parseReference(`nginx:1.27@${digest}`)).toEqual({
      registry: "docker.io",
      repository: "library/nginx",
      tag: "1.27",
      digest,
    });
    expect(parseReference(`nginx@${digest}`)).toEqual({ registry: "docker.io", repository: "library/nginx", digest });
    expect(formatRepository(parseReference(`nginx@${digest}`))).toBe("docker.io/library/nginx");
  });

  test("that is whole is read as it is written", () => {
    fc.assert(
      fc.property(reference, (whole) => {
        const text = formatReference(whole);
        expect(parseReference(text)).toEqual(whole);
        expect(formatReference(parseReference(text))).toBe(text);
      }),
    );
  });

  test("of any text is read or refused, and what is read stands for itself", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), tame, fc.string({ unit: alphabet, maxLength: 40 })), (text) => {
        let read;
        try {
          read = parseReference(text);
        } catch (error) {
          expect(isSealiftError(error, "REFERENCE_INVALID")).toBe(true);
          return;
        }
        expect(parseReference(formatReference(read))).toEqual(read);
        expect(read.tag ?? read.digest).toBeDefined();
      }),
      { numRuns: 2_000 },
    );
  });

  test("within a registry is read exactly when the grammar allows it", () => {
    fc.assert(
      fc.property(fc.oneof(tame, fc.string({ unit: alphabet, maxLength: 16 })), (rest) => {
        expect(isRead(`example.com/${rest}`)).toBe(NAME_AND_TAG.test(rest));
      }),
      { numRuns: 2_000 },
    );
  });

  test("of a registry is read exactly when grammar and URLs allow it", () => {
    const host = fc.string({ unit: fc.constantFrom(...Array.from("ab0.:-[]_A")), minLength: 1, maxLength: 16 });
    fc.assert(
      fc.property(host, (text) => {
        fc.pre(/[.:A]/.test(text));
        expect(isRead(`${text}/name`)).toBe(REGISTRY.test(text) && URL.canParse(`https://${text}`));
      }),
      { numRuns: 2_000 },
    );
  });

  // On purpose not as Docker: it would fail later, with a less clear error.
  test.each([
    ["a port no host has", "192.168.1.1:75050/x"],
    ["a port that is far too long", "192.168.1.1:750050/x"],
    ["what is no IPv6 address", "[fd00123123123]:5000/x"],
    ["colons for an address", "[:::]/x"],
    ["what is no IPv4 address", "300.1.1.1/x"],
    ["a registry of 300 characters", `${"a".repeat(300)}.com/x`],
    ["a SHA-384, which OCI does not register", `x@sha384:${"a".repeat(96)}`],
  ])("with %s is refused", async (_name, text) => {
    expect((await failureOf(() => parseReference(text))).code).toBe("REFERENCE_INVALID");
  });

  test("with a SHA-512 digest is read, which Docker does not register", () => {
    const digest = digestOf(Buffer.from("x"), "sha512");
    expect(parseReference(`x@${digest}`).digest).toBe(digest);
  });

  test.each([
    ["a scheme", "https://reg.internal/x", 'leave "https://" out'],
    ["an image ID", "a".repeat(64), "image ID"],
    ["an empty part", "a//b", "a part of the path is empty"],
    ["a capital", "reg.internal/App", '"App" is not lower-case'],
    ["a tag of 129 characters", `x:${"t".repeat(129)}`, "is not one to 128 letters"],
    ["an address alone", "[::1]", 'the path component "[::1]" is not'],
    ["a short digest", "x@sha256:abc", 'the digest "sha256:abc" is not'],
    ["a line end in the tag", "x:1.27\n", 'the tag "1.27\\u000a" is not'],
    ["a path of 256 characters", `reg.internal/${"a".repeat(256)}`, "longer than 255 characters"],
  ])("with %s is refused with the reason", async (_name, text, reason) => {
    expect((await failureOf(() => parseReference(text))).message).toContain(reason);
  });

  test.each([
    "user:secret@reg.internal/x",
    "user:sec!secret@reg.internal/x:1",
    "https://user:secret@reg.internal/x",
    "user:secret@@reg.internal/x",
    "user:pass@secret@reg.internal/x",
    `user:secret@reg.internal/x@sha256:${"a".repeat(64)}`,
  ])("with a password (%s) is refused without repeating it", async (text) => {
    expect((await failureOf(() => parseReference(text))).message).not.toContain("secret");
    expect((await failureOf(() => parseDestination(text))).message).not.toContain("secret");
  });

  // What makes a backtracking expression slow, or one that recurses overflow.
  test.each(["a", "a-", "a.", "a/", "a_", "a__", "A-", "A.", "a:", "[", ":", "@", "/", "-", "0", "a@sha256:"])(
    "of a million %j is refused in no time, with a short message",
    async (part) => {
      const text = part.repeat(1_000_000 / part.length);
      for (const hostile of [text, `${text}!`, `x.y/${text}`, `${text}/x`, `x:${text}`, `x@sha256:${text}`]) {
        const error = await failureOf(() => parseReference(hostile));
        expect(error.code).toBe("REFERENCE_INVALID");
        expect(error.message.length).toBeLessThan(1_000);
        expect((await failureOf(() => parseDestination(hostile))).code).toBe("REFERENCE_INVALID");
      }
    },
  );
});

describe("a destination", () => {
  test.each([
    ["reg.internal", "reg.internal", ""],
    ["reg.internal/", "reg.internal", ""],
    ["registry", "registry", ""],
    ["localhost:5000", "localhost:5000", ""],
    ["reg.internal:5000/mirror", "reg.internal:5000", "mirror"],
    ["reg.internal/a/b_c/d-e/", "reg.internal", "a/b_c/d-e"],
    ["[::1]:5000/mirror", "[::1]:5000", "mirror"],
    ["index.docker.io/team", "docker.io", "team"],
  ])("%s is the registry %s and the path %j", (text, registry, prefix) => {
    expect(parseDestination(text)).toEqual({ registry, prefix });
  });

  test.each([
    ["nothing", ""],
    ["a slash", "/"],
    ["a path alone", "/mirror"],
    ["two slashes at its end", "reg.internal//"],
    ["a scheme", "http://reg.internal"],
    ["a tag", "reg.internal/mirror:latest"],
    ["capitals in its path", "reg.internal/Mirror"],
    ["an underscore in its host", "reg_internal/mirror"],
    ["a way out", "reg.internal/../other"],
    ["a credential", "user:secret@reg.internal"],
    ["a long path", `reg.internal/${"a".repeat(256)}`],
  ])("of %s is refused, as a destination and not as an image", async (_name, text) => {
    const error = await failureOf(() => parseDestination(text));
    expect(error.code).toBe("REFERENCE_INVALID");
    expect(error.message).toMatch(/^expected a registry, or a registry and a path, got "/);
    expect(error.hint).toContain("reg.internal/mirror");
  });
});

function isRead(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    expect(isSealiftError(error, "REFERENCE_INVALID")).toBe(true);
    return false;
  }
}

test.each([
  ["1.27", true],
  ["_x-Y.z", true],
  ["x".repeat(128), true],
  ["x".repeat(129), false],
  ["", false],
  [".1", false],
  ["-1", false],
  ["1+2", false],
  ["../1", false],
  ["1\n", false],
])("%j is a tag: %s", (text, expected) => {
  expect(isTag(text)).toBe(expected);
});
