import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Reporter } from "../../src/cli/render/reporter.js";
import { SealiftError } from "../../src/errors/index.js";
import { FakeHost } from "./fake-host.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

describe("version and help", () => {
  test.each([["--version"], ["--quiet", "--version"], ["verify", "--version"]])(
    "%s… prints the version",
    async (...argv) => {
      const host = new FakeHost();
      expect(await host.run(...argv)).toBe(0);
      expect(host.stdout.text).toBe(`${version}\n`);
      expect(host.stderr.text).toBe("");
    },
  );

  test.each([
    "",
    "keygen",
    "export",
    "verify",
    "import",
    "inspect",
    "diff",
    "merge",
    "inventory",
    "tags",
    "login",
    "logout",
  ])("%s --help fits 80 columns", async (command) => {
    const host = new FakeHost();
    expect(await host.run(...command.split(" ").filter(Boolean), "--help")).toBe(0);
    expect(host.stderr.text).toBe("");
    expect(Math.max(...host.stdout.text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(host.stdout.text).toMatchSnapshot();
  });

  test("help fits a narrow terminal", async () => {
    const host = FakeHost.atTerminal();
    host.stdout.columns = 60;
    expect(await host.run("import", "--help")).toBe(0);
    const [, , , ...table] = host.stdout.text.split("\n");
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(60);
  });
});

describe("a command line that makes no sense", () => {
  const EXPORT = ["export", "nginx", "-o", "b.tar", "--key", "k.key"];
  test.each([
    [
      [],
      "expected a command (keygen, export, verify, import, inspect, diff, merge, inventory, patch, repair, tags, login, logout), got none",
      "see sealift --help",
    ],
    [["exprot"], 'got "exprot"', "did you mean export? see sealift --help"],
    [["serve"], 'got "serve"', "see sealift --help"],
    [["export"], "expected --output and --key, got none", "see sealift export --help"],
    [["export", "-o", "b.tar", "--key", "k.key"], "expected IMAGE or --images, got none", "see sealift export --help"],
    [["verify"], "expected BUNDLE, got none", "see sealift verify --help"],
    [["login"], "expected REGISTRY, got none", "Docker Hub is sealift login docker.io; see sealift login --help"],
    [["logout"], "expected REGISTRY, got none", "Docker Hub is sealift logout docker.io; see sealift logout --help"],
    [["export", "nginx"], "expected --output and --key, got none", "see sealift export --help"],
    [["export", "nginx", "-o", "b.tar"], "expected --key, got none", "see sealift export --help"],
    [["import", "b.tar"], "expected --to, got none", "see sealift import --help"],
    [
      [...EXPORT, "--platfrom", "all"],
      'expected an option of export, got "--platfrom"',
      "did you mean --platform? see sealift export --help",
    ],
    [["verify", "b.tar", "--dry-run"], 'expected an option of verify, got "--dry-run"', "see sealift verify --help"],
    [["verify", "b.tar", "-x"], 'expected an option of verify, got "-x"', "see sealift verify --help"],
    [["verify", "b.tar", "--no-deep"], 'got "--no-deep"', "see sealift verify --help"],
    [
      ["keygen", "a.key", "b.key"],
      'expected no more after what keygen needs, got "a.key"',
      "see sealift keygen --help",
    ],
    [["keygen", "mine"], 'expected no more after what keygen needs, got "mine"', "see sealift keygen --help"],
    // The words too many may be a password.
    [["login", "r", "secret"], "expected no more after what login needs, got another word", "see sealift login --help"],
    [
      ["tags", "app", "-u", "ann", "--password-stdin", "secret"],
      "expected no more after what tags needs, got another word",
      "see sealift tags --help",
    ],
    [["verify", "b.tar", "--key"], "expected a value after --key, got none", "see sealift verify --help"],
    [["verify", "b.tar", "--key", "--deep"], "expected a value after --key, got none", "see sealift verify --help"],
    [
      ["verify", "b.tar", "--key", "a.pub", "--allow-unsigned"],
      "expected either --allow-unsigned or --key, got both",
      "see sealift verify --help",
    ],
    [[...EXPORT, "-o", "c.tar"], "expected --output once, got it 2 times", "leave all but one out"],
    [["import", "b.tar", "--to", "a", "--to", "b"], "expected --to once, got it 2 times", "leave all but one out"],
    [["import", "b.tar", "--to", "a", "--dry-run=yes"], 'or --dry-run=false, got "--dry-run=yes"', "write --dry-run"],
    [[...EXPORT, "--plain-http="], 'or --plain-http=false, got "--plain-http="', "write --plain-http"],
    [["verify", "b.tar", "-q=1"], 'expected -q, -q=true or -q=false, got "-q=1"', "write -q"],
    [[...EXPORT, "--concurrency", "0"], 'from 1 to 16, got "0"', "leave it out"],
    [[...EXPORT, "--concurrency", "17"], 'from 1 to 16, got "17"', "leave it out"],
    [[...EXPORT, "--concurrency", "-1"], 'from 1 to 16, got "-1"', "leave it out"],
    [[...EXPORT, "--concurrency", "2.5"], 'from 1 to 16, got "2.5"', "leave it out"],
    [[...EXPORT, "--concurrency", "many"], 'from 1 to 16, got "many"', "leave it out"],
    [["import", "b.tar", "--to", "r.io", "--concurrency", "1e1"], 'from 1 to 16, got "1e1"', "leave it out"],
    [
      [...EXPORT.slice(0, 2), "-o", "-", "--volume-size", "dvd", "--key", "k.key"],
      "with --volume-size, got a stream",
      "",
    ],
    [[...EXPORT.slice(0, 2), "-o", "-", "--verify-write", "--key", "k.key"], "with --verify-write, got a stream", ""],
    [["verify", "-", "--volume-prompt"], "expected one thing on standard input, got - and --volume-prompt", "folders"],
    [["import", "-", "--to", "r.io", "-u", "ann", "--password-stdin"], "got - and --password-stdin", "log in before"],
    [["verify", "-", "b.tar"], "expected - alone, got it with 1 more", "name either - or where the bundle lies"],
    [[...EXPORT, "--platform", "arm64"], 'expected a platform such as linux/amd64 or linux/arm/v7, got "arm64"', ""],
  ])("%j", async (argv, message, hint) => {
    const host = new FakeHost();
    expect(await host.run(...argv)).toBe(2);
    expect(host.stdout.text).toBe("");
    const [first, second = ""] = host.stderr.text.split("\n");
    expect(first).toMatch(/^sealift: expected .* \[USAGE, exit code 2\]$/);
    expect(first).toContain(message);
    expect(second).toContain(hint);
    expect(host.stderr.text.split("\n").length).toBeLessThanOrEqual(3);
  });

  test("hostile: an argument with control characters does not reach the terminal as it is", async () => {
    const host = FakeHost.atTerminal({ NO_COLOR: "1" });
    expect(await host.run("verify", "b.tar", "--\u001b]0;title\u0007")).toBe(2);
    expect(host.stderr.text).not.toMatch(/[\u001b\u0007]/);
    expect(host.stderr.text).toContain("u001b]0;title");
  });

  test("with --json, it is one JSON object, too", async () => {
    const host = new FakeHost();
    expect(await host.run("exprot", "--json")).toBe(2);
    expect(host.json).toEqual({
      ok: false,
      exitCode: 2,
      error: {
        code: "USAGE",
        message:
          'expected a command (keygen, export, verify, import, inspect, diff, merge, inventory, patch, repair, tags, login, logout), got "exprot"',
        hint: "did you mean export? see sealift --help",
      },
    });
  });
});

describe("when something fails", () => {
  test("a failure is one line with its code, and one with what to do", async () => {
    const host = new FakeHost();
    expect(await host.run("verify", "no-such.tar", "--allow-unsigned", "--quiet")).toBe(2);
    expect(host.stderr.text.split("\n").slice(1)).toEqual([
      'sealift: expected to open "no-such.tar", but there is no such file or folder (ENOENT) [FILE_NOT_FOUND, exit code 2]',
      "  hint: check the path",
      "",
    ]);
  });

  test("an error without a hint has null there in JSON", async () => {
    const host = new FakeHost();
    const reporter = new Reporter(host, { json: true, quiet: true, isStdoutTaken: false });
    expect(await reporter.failure(new SealiftError("USAGE", "expected this, got that"))).toBe(2);
    expect(host.json).toMatchObject({ error: { hint: null } });
  });

  test("a defect is one line that asks to report it", async () => {
    const host = hostWithDefect();
    expect(await host.run("inspect", "b.tar")).toBe(1);
    expect(host.stderr.text).toBe(
      "sealift: expected no such error, got TypeError: first line second line [UNEXPECTED, exit code 1]\n" +
        "  hint: this is a defect in Sealift: run the command again with SEALIFT_DEBUG=1 set, and report what it prints\n",
    );
  });

  test("SEALIFT_DEBUG=1 shows where it came from", async () => {
    const host = hostWithDefect({ SEALIFT_DEBUG: "1" });
    expect(await host.run("inspect", "b.tar")).toBe(1);
    expect(host.stderr.text).toContain("TypeError: first line");
    expect(host.stderr.text).toMatch(/^ {4}at .*main\.test\.ts/m);
  });

  test("errors are red on a terminal, unless NO_COLOR is set", async () => {
    const [coloured, plain, dumb] = [
      FakeHost.atTerminal(),
      FakeHost.atTerminal({ NO_COLOR: "1" }),
      FakeHost.atTerminal({ TERM: "dumb" }),
    ];
    for (const host of [coloured, plain, dumb]) await host.run("exprot");
    expect(coloured.stderr.text).toContain("\u001b[31msealift:\u001b[0m expected");
    expect(plain.stderr.text).not.toContain("\u001b");
    expect(dumb.stderr.text).not.toContain("\u001b");
  });
});

describe("when the output cannot be written", () => {
  test("a reader that went away is no failure", async () => {
    const host = new FakeHost();
    host.stdout.failure = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
    expect(await host.run("--help")).toBe(0);
    expect(host.stderr.text).toBe("");
  });

  test("a full disk is one", async () => {
    const host = new FakeHost();
    host.stdout.failure = Object.assign(new Error("write ENOSPC"), { code: "ENOSPC" });
    expect(await host.run("--help")).toBe(7);
    expect(host.stderr.text).toContain(
      "sealift: expected to write the result to stdout, got ENOSPC [NO_SPACE, exit code 7]",
    );
  });

  test("an error that nobody reads still has its exit code", async () => {
    const host = new FakeHost();
    host.stderr.failure = Object.assign(new Error("write EIO"), { code: "EIO" });
    expect(await host.run("exprot")).toBe(2);
  });
});

function hostWithDefect(env: NodeJS.ProcessEnv = {}): FakeHost {
  const host = new FakeHost(env);
  Object.defineProperty(host.env, "XDG_CONFIG_HOME", {
    get: () => {
      throw new TypeError("first line\nsecond line");
    },
  });
  return host;
}
