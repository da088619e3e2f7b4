import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatReference, parseReference } from "../../src/oci/index.js";
import { anyTag, isTagPattern, parseImage } from "../../src/tags/index.js";
import { everythingSaidBy, failureOf } from "../support/errors.js";

const DIGEST = `sha256:${"a".repeat(64)}`;

describe("a tag pattern", () => {
  test.each([
    ["nginx:1.27.*", "glob", "1.27.*", undefined, "docker.io/library/nginx:1.27.*"],
    ["nginx:*", "glob", "*", undefined, "docker.io/library/nginx:*"],
    ["nginx@newest=3", "glob", "*", 3, "docker.io/library/nginx:*@newest=3"],
    ["nginx:1.2?", "glob", "1.2?", undefined, "docker.io/library/nginx:1.2?"],
    ["nginx:[!0-9]*", "glob", "[!0-9]*", undefined, "docker.io/library/nginx:[!0-9]*"],
    ["nginx:1.*-alpine@newest=1", "glob", "1.*-alpine", 1, "docker.io/library/nginx:1.*-alpine@newest=1"],
    ["nginx:~1.27", "range", "~1.27", undefined, "docker.io/library/nginx:~1.27"],
    ["nginx:^1.27@newest=1000", "range", "^1.27", 1000, "docker.io/library/nginx:^1.27@newest=1000"],
    ["nginx:>=1.26  <2", "range", ">=1.26 <2", undefined, "docker.io/library/nginx:>=1.26 <2"],
    ["nginx:1.26 - 1.28", "range", "1.26 - 1.28", undefined, "docker.io/library/nginx:1.26 - 1.28"],
    ["nginx:1.26||1.28", "range", "1.26||1.28", undefined, "docker.io/library/nginx:1.26||1.28"],
    ["localhost:5000/a/b:=1.2.3", "range", "=1.2.3", undefined, "localhost:5000/a/b:=1.2.3"],
    ["[::1]:5000/app@newest=2", "glob", "*", 2, "[::1]:5000/app:*@newest=2"],
    ["index.docker.io/user/app:v*", "glob", "v*", undefined, "docker.io/user/app:v*"],
  ])("%s", (text, kind, pattern, newest, name) => {
    expect(parseImage(text)).toMatchObject({ kind, text: pattern, newest, name });
    // The whole name means the same: it is what a lock file has.
    expect(parseImage(name)).toEqual(parseImage(text));
  });

  test("all tags of a repository match one", () => {
    expect(anyTag(parseReference("nginx"))).toEqual(parseImage("nginx:*"));
  });

  test("no reference that Docker takes is one", () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,5}(?:[._-][a-z0-9]{1,3})?$/);
    const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
    const host = fc.constantFrom("", "localhost/", "127.0.0.1:5000/", "[::1]:5000/", "ghcr.io/");
    const end = fc.oneof(
      fc.constant(""),
      tag.map((text) => `:${text}`),
      fc.constant(`@${DIGEST}`),
    );
    fc.assert(
      fc.property(host, component, end, (registry, repository, suffix) => {
        const text = `${registry}${repository}${suffix}`;
        const image = parseImage(text);
        expect(image).toEqual(parseReference(text));
        expect(isTagPattern(image)).toBe(false);
      }),
    );
  });
});

describe("what is neither a reference nor a pattern", () => {
  test.each([
    ["nginx:1.27@newest=3", '"1.27" is one tag'],
    ["nginx:1.*@newest=0", "@newest= is not followed by a number from 1 to 1000"],
    ["nginx:1.*@newest=1001", "a number from 1 to 1000"],
    ["nginx:1.*@newest=-1", "a number from 1 to 1000"],
    ["nginx:1.*@newest=", "a number from 1 to 1000"],
    ["nginx@newest", "no digest follows"],
    ["nginx:1:*", "it has two tags"],
    ["nginx:[z-a]", "beside what is in tags, a glob has only"],
    ["nginx:1.*{a,b}", "beside what is in tags, a glob has only"],
    [`nginx:${"*1".repeat(200)}`, "it is longer than 256 characters"],
    ["nginx:{1,2}", 'the tag "{1,2}" is not'],
    ["nginx: >=1", 'the tag " >=1" is not'],
    ["nginx:1.27 ", 'the tag "1.27 " is not'],
    ["*/nginx:1", "is not lower-case letters"],
    ["NGINX:1.*", "is not lower-case letters"],
    ["http://nginx:1.*", "leave"],
    [`nginx:1.*@${DIGEST}`, 'the tag "1.*" is not'],
  ])("%s", async (text, why) => {
    const { code, message } = await failureOf(() => parseImage(text));
    expect(code).toBe("REFERENCE_INVALID");
    expect(message).toContain(why);
  });

  test.each([
    "user:pa*ss@host/app",
    "user:secret*@host/app:1.*@newest=3",
    "user:>secret@host",
    "user:secret@newest.io/app:*",
  ])("hostile: a password in %s is not shown", async (text) => {
    const said = everythingSaidBy(await failureOf(() => parseImage(text))).split("\n    at ")[0] ?? "";
    expect(said).not.toMatch(/pa\*ss|secret/);
  });

  test("any text at all: a reference, a pattern, or REFERENCE_INVALID", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from("an:/@.*?[]-~^<>=| 1{}\n")), maxLength: 30 }),
        (text) => {
          try {
            const image = parseImage(text);
            expect(isTagPattern(image) ? image.name : formatReference(image)).not.toBe("");
          } catch (error) {
            expect(error).toMatchObject({ code: "REFERENCE_INVALID" });
          }
        },
      ),
    );
  });
});
