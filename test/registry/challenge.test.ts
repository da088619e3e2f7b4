import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Challenge, parseChallenges } from "../../src/registry/challenge.js";

function plain(challenges: readonly Challenge[]) {
  return challenges.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

describe("parseChallenges", () => {
  test.each<[string, string, unknown]>([
    [
      "Docker Hub",
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push"',
      [
        [
          "bearer",
          {
            realm: "https://auth.docker.io/token",
            service: "registry.docker.io",
            scope: "repository:library/nginx:pull,push",
          },
        ],
      ],
    ],
    ["htpasswd", 'basic realm="Registry Realm"', [["basic", { realm: "Registry Realm" }]]],
    [
      "a list of challenges, one with a token68",
      'Negotiate abc+/==, Basic realm = "a, b" , Bearer Realm=https',
      [
        ["negotiate", {}],
        ["basic", { realm: "a, b" }],
        ["bearer", { realm: "https" }],
      ],
    ],
    ["a bare scheme", "Negotiate", [["negotiate", {}]]],
    [
      "a bare scheme before another",
      "Negotiate, NTLM",
      [
        ["negotiate", {}],
        ["ntlm", {}],
      ],
    ],
    ["escapes", String.raw`Basic realm="say \"hello\" \\"`, [["basic", { realm: String.raw`say "hello" \ `.trim() }]]],
    ["a name that comes twice", "Bearer realm=first, realm=second", [["bearer", { realm: "first" }]]],
    [
      "an open quote: what came before it stands",
      'Basic realm="a", Bearer realm="b',
      [
        ["basic", { realm: "a" }],
        ["bearer", {}],
      ],
    ],
    ["a parameter without a scheme", 'realm="https://x"', [["realm", {}]]],
    ["nothing", "", []],
    ["something else", "=;=", []],
  ])("reads %s", (_what, header, expected) => {
    expect(plain(parseChallenges(header))).toEqual(expected);
  });

  const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
  const parameters = fc.dictionary(name, fc.string({ unit: fc.constantFrom(...Array.from('aZ09 ,="\\:/.')) }), {
    maxKeys: 4,
  });
  const challenges = fc.array(fc.tuple(name, parameters), { maxLength: 4 });
  const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;

  test("reads back whatever is written by the grammar", () => {
    fc.assert(
      fc.property(challenges, (list) => {
        const header = list
          .map(([scheme, pairs]) => {
            const written = Object.entries(pairs).map(([key, value]) => `${key}=${quoted(value)}`);
            return [scheme, written.join(", ")].join(" ").trim();
          })
          .join(", ");
        expect(plain(parseChallenges(header))).toEqual(list.map(([scheme, pairs]) => [scheme, { ...pairs }]));
      }),
    );
  });

  test("takes any text", () => {
    const unit = fc.constantFrom(...Array.from('Bearer =,"\\\t\u0000é'));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit, maxLength: 200 })), (text) => {
        for (const { scheme } of parseChallenges(text)) expect(scheme).not.toBe("");
      }),
    );
  });

  // In a time that grows with the square of its length, this would take hours.
  test.each(['"', "a=", "a ", 'a="\\', ",", "a=b,"])("takes a long header full of %j", (part) => {
    expect(parseChallenges(`Bearer ${part.repeat(300_000)}`)[0]?.scheme).toBe("bearer");
  });
});
