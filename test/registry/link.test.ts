import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextPage } from "../../src/registry/link.js";
import { failureOf } from "../support/errors.js";

const ORIGIN = "https://reg.io";
const ASKED = `${ORIGIN}/v2/app/tags/list?n=2`;

function next(link: string | undefined, asked = ASKED): string | undefined {
  const host = { registry: "reg.io", host: "reg.io", origin: ORIGIN };
  return nextPage({ host }, { url: new URL(asked), header: () => link }, "the tags")?.href;
}

describe("the next page", () => {
  test.each([
    ["as distribution names it", '</v2/app/tags/list?n=2&last=b>; rel="next"'],
    ["relative to the page", '<list?n=2&last=b>; rel="next"'],
    ["in full", `<${ORIGIN}/v2/app/tags/list?n=2&last=b>; rel="next"`],
    ["without quotes", "</v2/app/tags/list?n=2&last=b>;rel=next"],
    ["after another link", '</first>; rel="prev", </v2/app/tags/list?n=2&last=b>; title="a;b,c"; REL="next"'],
  ])("is found %s", (_how, link) => {
    expect(next(link)).toBe(`${ORIGIN}/v2/app/tags/list?n=2&last=b`);
  });

  test.each([undefined, "", '</first>; rel="prev"', "</v2/app/tags/list>", "next", '<unfinished; rel="next"'])(
    "is none for %s",
    (link) => expect(next(link)).toBeUndefined(),
  );

  test.each([
    "<https://evil.io/v2/app/tags/list>; rel=next",
    "<//evil.io/v2/app/tags/list>; rel=next",
    "<http://reg.io/v2/app/tags/list>; rel=next",
    "<https://reg.io:444/v2/app/tags/list>; rel=next",
    "<https://reg.io@evil.io/>; rel=next",
    "<file:///etc/passwd>; rel=next",
    "<https://[>; rel=next",
  ])("hostile: is refused at %s", async (link) => {
    expect(await failureOf(() => next(link))).toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });

  test("hostile: is refused where a redirect led elsewhere, and the link is relative", async () => {
    expect(await failureOf(() => next("</v2/>; rel=next", "https://cdn.io/v2/"))).toMatchObject({
      code: "REGISTRY_PROTOCOL",
    });
  });

  test("hostile: is found or refused in any text, soon, and is never anywhere else", () => {
    const unit = fc.constantFrom("<", ">", ";", ",", '"', "=", " ", "rel", "next", "//evil.io", "/v2/", "a");
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit, maxLength: 200 })), (text) => {
        try {
          expect(new URL(next(text) ?? ORIGIN).origin).toBe(ORIGIN);
        } catch (error) {
          expect(error).toMatchObject({ code: "REGISTRY_PROTOCOL" });
        }
      }),
    );
    expect(next(`</a>${'; a="b"'.repeat(20_000)}`)).toBeUndefined();
    expect(next("<".repeat(100_000))).toBeUndefined();
  });
});
