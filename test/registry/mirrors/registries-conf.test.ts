import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSealiftError } from "../../../src/errors/index.js";
import { parseReference } from "../../../src/oci/index.js";
import { RegistriesConf } from "../../../src/registry/mirrors/registries-conf.js";
import { Places } from "../../../src/registry/surroundings.js";
import { TestMachine } from "../../support/surroundings.js";
import { endpointsOn, placesOn } from "./lookup.js";

const DIGEST = `sha256:${"a".repeat(64)}`;
const SYSTEM = "etc/containers/registries.conf";
const USER = "home/.config/containers/registries.conf";

/** Where images lie with this system-wide file. */
async function placesWith(conf: string, reference: string, ...rest: [object?]): Promise<string[]> {
  return await placesOn({ [SYSTEM]: conf }, reference, ...rest);
}

const HUB_MIRRORS = `
unqualified-search-registries = ["example.com"]
[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "mirror.test:5000/hub"
[[registry.mirror]]
location = "other.test"
`;

describe("registries.conf", () => {
  test.each([
    ["location", `[[registry]]\nprefix = "a.test/x"\nlocation = "https://u:hunter2@b.test?token=hunter2"`],
    ["prefix", `[[registry]]\nprefix = "*.u:hunter2@a.test"\nlocation = "b.test"`],
    ["mirror", `[[registry]]\nlocation = "a.test"\n[[registry.mirror]]\nlocation = "u:hunter2@m.test"`],
  ])("a password in its %s is not shown", async (_where, conf) => {
    const failure = await placesWith(conf, "a.test/x/y:1").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "CONFIG_INVALID" });
    expect(`${String(failure)} ${String((failure as Error).cause)}`).not.toContain("hunter2");
  });

  test("names mirrors, which come before the registry, in their order", async () => {
    expect(await placesWith(HUB_MIRRORS, "nginx:1")).toEqual([
      "https://mirror.test:5000/v2/hub/library/nginx",
      "https://other.test/v2/library/nginx",
      "https://registry-1.docker.io/v2/library/nginx",
    ]);
  });

  test("says nothing of other registries", async () => {
    expect(await placesWith(HUB_MIRRORS, "quay.io/a/b:1")).toEqual(["https://quay.io/v2/a/b"]);
  });

  test.each([
    ["reg.test/team/app:1", "https://c.test/v2/app"],
    ["reg.test/team/app/x:1", "https://c.test/v2/app/x"],
    ["reg.test/team/apple:1", "https://c.test/v2/apple"],
    ["reg.test/teams/app:1", "https://b.test/v2/teams/app"],
    ["sub.reg.test/a/b:1", "https://w.test/v2/a/b"],
    ["a.sub.reg.test/a:1", "https://w.test/v2/a"],
    ["sub.reg.test:5000/a:1", "https://sub.reg.test:5000/v2/a"],
    ["xreg.test/a:1", "https://xreg.test/v2/a"],
  ])("takes the rule with the longest prefix, by whole components: %s", async (reference, first) => {
    const rule = (prefix: string, location: string) => `[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"\n`;
    const conf = [
      rule("reg.test", "b.test"),
      rule("reg.test/team", "c.test"),
      rule("*.reg.test", "w.test"),
      rule("reg.test/te", "d.test"),
    ];
    expect((await placesWith(conf.join(""), reference))[0]).toBe(first);
  });

  test("a prefix with a star needs no location", async () => {
    const conf = '[[registry]]\nprefix = "*.reg.test"\n[[registry.mirror]]\nlocation = "mirror.test"\n';
    expect(await placesWith(conf, "a.reg.test/x:1")).toEqual(["https://mirror.test/v2/x", "https://a.reg.test/v2/x"]);
  });

  test("of two rules for one prefix in a file, the first counts", async () => {
    const conf =
      '[[registry]]\nprefix = "reg.test"\nlocation = "a.test"\n[[registry]]\nprefix = "reg.test"\nlocation = "b.test"\n';
    expect(await placesWith(conf, "reg.test/x:1")).toEqual(["https://a.test/v2/x"]);
  });

  test("an insecure place is asked without a check, and then without TLS", async () => {
    const conf =
      '[[registry]]\nlocation = "reg.test:5000"\ninsecure = true\n[[registry.mirror]]\nlocation = "m.test"\ninsecure = true\n';
    expect(await placesWith(conf, "reg.test:5000/x:1")).toEqual([
      "https://m.test/v2/x unchecked",
      "http://m.test/v2/x detour",
      "https://reg.test:5000/v2/x unchecked",
      "http://reg.test:5000/v2/x detour",
    ]);
  });

  test("plain HTTP that was asked for is spoken with the registry that was named, not with its mirrors", async () => {
    expect(await placesWith(HUB_MIRRORS, "nginx:1", { plainHttp: () => true })).toEqual([
      "https://mirror.test:5000/v2/hub/library/nginx",
      "https://other.test/v2/library/nginx",
      "http://registry-1.docker.io/v2/library/nginx",
    ]);
  });

  test.each([
    ["all", "https://m.test/v2/x", "https://m.test/v2/x"],
    ["digest-only", "https://m.test/v2/x never resolves", "https://m.test/v2/x"],
    ["tag-only", "https://m.test/v2/x", "https://reg.test/v2/x"],
  ])("a mirror with pull-from-mirror = %s", async (kind, forTag, forDigest) => {
    const conf = `[[registry]]\nlocation = "reg.test"\n[[registry.mirror]]\nlocation = "m.test"\npull-from-mirror = "${kind}"\n`;
    expect((await placesWith(conf, "reg.test/x:1"))[0]).toBe(forTag);
    expect((await placesWith(conf, `reg.test/x@${DIGEST}`))[0]).toBe(forDigest);
  });

  test("mirror-by-digest-only holds for all mirrors", async () => {
    const conf =
      '[[registry]]\nlocation = "reg.test"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "m.test"\n';
    expect(await placesWith(conf, "reg.test/x:1")).toEqual([
      "https://m.test/v2/x never resolves",
      "https://reg.test/v2/x",
    ]);
  });

  test("what it blocks is not read", async () => {
    const conf = '[[registry]]\nlocation = "reg.test"\nblocked = true\n';
    await expect(placesWith(conf, "reg.test/x:1")).rejects.toMatchObject({
      code: "DENIED",
      message: expect.stringMatching(/^expected to read reg\.test\/x, which ".*registries\.conf" blocks$/) as string,
    });
  });

  test("a mirror is another registry: its name, and so its credentials, are its own", async () => {
    const [mirror] = await endpointsOn({ [SYSTEM]: HUB_MIRRORS }, "nginx:1");
    expect(mirror?.host).toEqual({
      registry: "mirror.test:5000",
      host: "mirror.test:5000",
      origin: "https://mirror.test:5000",
    });
  });
});

describe("of several files,", () => {
  const to = (location: string) => `[[registry]]\nprefix = "reg.test"\nlocation = "${location}"\n`;

  test.each<[string, Record<string, string>, Record<string, string>, string]>([
    ["the system's counts", { [SYSTEM]: to("a.test") }, {}, "a.test"],
    ["the user's goes before the system's", { [SYSTEM]: to("a.test"), [USER]: to("b.test") }, {}, "b.test"],
    ["the user's hides the system's", { [SYSTEM]: to("a.test"), [USER]: "" }, {}, "reg.test"],
    [
      "the one that the environment names goes before both",
      { [SYSTEM]: to("a.test"), [USER]: to("b.test"), "named.conf": to("c.test") },
      { CONTAINERS_REGISTRIES_CONF: "ROOT/named.conf" },
      "c.test",
    ],
    [
      "the last in registries.conf.d goes before the system's",
      {
        [SYSTEM]: to("a.test"),
        [`${SYSTEM}.d/2.conf`]: to("c.test"),
        [`${SYSTEM}.d/1.conf`]: to("b.test"),
        [`${SYSTEM}.d/3.txt`]: "garbage",
      },
      {},
      "c.test",
    ],
    [
      "the user's registries.conf.d goes before the system's",
      { [`${SYSTEM}.d/1.conf`]: to("b.test"), [`${USER}.d/1.conf`]: to("c.test") },
      {},
      "c.test",
    ],
    [
      "the user's hides the system's registries.conf.d",
      { [`${SYSTEM}.d/1.conf`]: to("b.test"), [USER]: "" },
      {},
      "reg.test",
    ],
  ])("%s", async (_what, files, env, host) => {
    expect(await placesOn(files, "reg.test/x:1", { env })).toEqual([`https://${host}/v2/x`]);
  });

  test("one that the environment names must be there", async () => {
    const env = { CONTAINERS_REGISTRIES_CONF: "ROOT/named.conf" };
    await expect(placesOn({}, "reg.test/x:1", { env })).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });
});

describe("a file that is wrong is refused:", () => {
  test.each([
    ["no TOML", '[[registry]]\nlocation = "hunter2', "got something else at line 2"],
    ["no text", "\u0000\u0001", "got something else at line 1"],
    ["another form", 'registry = "docker.io"', "registry"],
    ["a number as location", "[[registry]]\nlocation = 7", "registry.0.location"],
    ["no location", "[[registry]]\ninsecure = true", "expected a location"],
    ["a prefix without location", '[[registry]]\nprefix = "reg.test"', "expected a location"],
    ["a URL as location", '[[registry]]\nlocation = "https://reg.test"', "without https://"],
    [
      "a URL as mirror",
      '[[registry]]\nlocation = "reg.test"\n[[registry.mirror]]\nlocation = "http://m"',
      "without https://",
    ],
    [
      "a mirror without location",
      '[[registry]]\nlocation = "reg.test"\n[[registry.mirror]]\n',
      "registry.0.mirror.0.location",
    ],
    ["a star in the middle", '[[registry]]\nprefix = "*.reg.test/x"\nlocation = "a.test"', "like *.example.com"],
    ["a location that is none", '[[registry]]\nprefix = "reg.test"\nlocation = "A B"', 'got \\"A B\\"'],
    [
      "an unknown kind of mirror",
      '[[registry]]\nlocation = "reg.test"\n[[registry.mirror]]\nlocation = "m"\npull-from-mirror = "x"',
      "pull-from-mirror",
    ],
    ["version 1", '[registries.insecure]\nregistries = ["reg.test"]', "got version 1"],
    ["nesting without end", `a = ${"[".repeat(100_000)}`, "got something else"],
  ])("%s", async (_what, conf, message) => {
    const error: unknown = await placesWith(conf, "reg.test/x:1").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "CONFIG_INVALID", hint: expect.stringContaining("--no-mirrors") as string });
    expect(JSON.stringify(String(error))).toContain(message);
    expect(String(error)).not.toContain("hunter2");
  });

  test("what is no file", async () => {
    await expect(placesOn({ [`${SYSTEM}/x`]: "" }, "reg.test/x:1")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("more than a MiB", async () => {
    await expect(placesWith("#".repeat(1024 * 1024 + 1), "reg.test/x:1")).rejects.toMatchObject({
      code: "CONFIG_INVALID",
    });
  });

  test("a search list of version 1 is none of our business", async () => {
    expect(await placesWith('[registries.search]\nregistries = ["a.test"]', "reg.test/x:1")).toHaveLength(1);
  });

  test("or is read, and never fails otherwise", async () => {
    await using machine = await TestMachine.create();
    const piece = fc.constantFrom(
      "[[registry]]\n",
      "[[registry.mirror]]\n",
      'location = "a.test"\n',
      'prefix = "*."\n',
      "{",
      '"',
      "[",
      "=",
      "\n",
      "insecure = true\n",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join("")),
        ),
        async (conf) => {
          await machine.write({ [SYSTEM]: conf });
          const read = RegistriesConf.read(new Places(machine.surroundings));
          const outcome = await read
            .then((found) => found.endpointsOf(parseReference("a.test/x:1"), () => false))
            .catch((error: unknown) => error);
          return !(outcome instanceof Error) || isSealiftError(outcome, "CONFIG_INVALID");
        },
      ),
    );
  });
});
