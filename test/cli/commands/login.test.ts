import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type RegistryServer, startRegistry } from "../../../src/registry-server/index.js";
import { HelperFolder } from "../../support/credential-helper.js";
import { TempFolder } from "../../support/temp-folder.js";
import { FakeHost } from "../fake-host.js";

const USER = { username: "ann", password: "hunter2:hunter2" };
const AUTH = Buffer.from("ann:hunter2:hunter2").toString("base64");

let registry: RegistryServer;
let folder: TempFolder;
let helpers: HelperFolder;
let env: NodeJS.ProcessEnv;
let config: string;

beforeEach(async () => {
  registry = await startRegistry({ quirks: { tokenAccess: { user: USER } } });
  folder = await TempFolder.create();
  helpers = await HelperFolder.create();
  env = { ...helpers.env, HOME: folder.path };
  config = folder.file(".docker/config.json");
});

afterEach(async () => {
  await registry.close();
  await folder[Symbol.asyncDispose]();
  await helpers[Symbol.asyncDispose]();
});

async function configured(content: object): Promise<void> {
  await mkdir(folder.file(".docker"), { recursive: true });
  await writeFile(config, JSON.stringify(content));
}

async function login(password: string, ...rest: readonly string[]): Promise<{ host: FakeHost; code: number }> {
  const host = new FakeHost(env);
  host.stdin.end(password);
  const code = await host.run("login", registry.host, "-u", "ann", "--password-stdin", ...rest);
  expect(host.stdout.text + host.stderr.text).not.toMatch(/hunter2|aHVudGVy|YW5uOm/);
  return { host, code };
}

describe("login", () => {
  test("has the registry check the password, keeps it, and says that it lies as base64", async () => {
    const { host, code } = await login("hunter2:hunter2\n");
    expect(code).toBe(0);
    expect(host.stdout.text).toBe(`Logged in to ${registry.host} as ann\n  kept in  ${config}\n`);
    expect(host.stderr.text).toBe(
      `warning: the password lies in ${config} as base64, which everybody can read who can read the file\n`,
    );
    expect(registry.requestLines()).toEqual([
      "GET /v2/ 401",
      `GET /token?${new URLSearchParams({ service: registry.host }).toString()} 200`,
      "GET /v2/ 200",
    ]);
    expect(JSON.parse(await readFile(config, "utf8"))).toEqual({ auths: { [registry.host]: { auth: AUTH } } });
    expect((await stat(config)).mode & 0o777).toBe(0o600);
  });

  test("--quiet keeps the warning, --json gives the result", async () => {
    const { host } = await login("hunter2:hunter2", "--quiet", "--json");
    expect(host.stderr.text).toMatch(/^warning: the password lies in /);
    expect(host.json).toEqual({
      ok: true,
      exitCode: 0,
      result: { registry: registry.host, username: "ann", path: config, helper: null, wasChecked: true },
    });
  });

  test("gives the password to the helper, and warns of nothing", async () => {
    await helpers.addKeeping("safe");
    await configured({ credsStore: "safe" });
    const { host, code } = await login("hunter2:hunter2\r\n");
    expect(code).toBe(0);
    expect(host.stderr.text).toBe("");
    expect(host.stdout.text).toContain(`  kept by  docker-credential-safe, as ${config} says\n`);
    expect(await helpers.log("safe")).toEqual([
      `store ${JSON.stringify({ ServerURL: registry.host, Username: "ann", Secret: USER.password })}`,
    ]);
    expect(await readFile(config, "utf8")).toBe('{"credsStore":"safe"}');
  });

  test("--authfile keeps it there", async () => {
    const authfile = folder.file("auth.json");
    const { host, code } = await login("hunter2:hunter2", "--authfile", authfile);
    expect(code).toBe(0);
    expect(host.stdout.text).toContain(`  kept in  ${authfile}\n`);
    expect(JSON.parse(await readFile(authfile, "utf8"))).toEqual({ auths: { [registry.host]: { auth: AUTH } } });
    await expect(stat(config)).rejects.toThrow("ENOENT");
  });

  test("says that nobody checked what a registry did not want", async () => {
    registry.restage();
    const { host, code } = await login("hunter2:hunter2");
    expect(code).toBe(0);
    expect(host.stderr.text).toContain(`warning: ${registry.host} wants no credentials, so nobody has checked these\n`);
  });

  test("says that DOCKER_AUTH_CONFIG goes before what was kept", async () => {
    env["DOCKER_AUTH_CONFIG"] = "{}";
    const { host } = await login("hunter2:hunter2");
    expect(host.stderr.text).toContain("warning: DOCKER_AUTH_CONFIG is set, and goes before what was kept\n");
  });
});

describe("the questions of login", () => {
  test("are for name and password; the name is seen, the password is not", async () => {
    const host = FakeHost.atTerminal({ ...env, NO_COLOR: "1" });
    const ended = host.run("login", registry.host);
    await host.stderr.waitFor(`User name at ${registry.host}: `);
    host.stdin.write("ann\r");
    await host.stderr.waitFor("Password: ");
    host.stdin.write("hunter2:hunter2\r");
    expect(await ended).toBe(0);
    expect(host.stdin.echo).toBe(true);
    expect(host.stderr.text).toContain(`User name at ${registry.host}: ann\r\nPassword: \n`);
    expect(host.stdout.text + host.stderr.text).not.toContain("hunter2");
  });

  test("hide a password that was typed ahead", async () => {
    const host = FakeHost.atTerminal({ ...env, NO_COLOR: "1" });
    host.stdin.write("ann\rhunter2:hunter2\r");
    expect(await host.run("login", registry.host)).toBe(0);
    expect(host.stdout.text + host.stderr.text).not.toContain("hunter2");
  });

  test("are asked as far as they are open", async () => {
    const host = FakeHost.atTerminal({ ...env, NO_COLOR: "1" });
    const ended = host.run("login", registry.host, "--username", "ann");
    await host.stderr.waitFor(`Password of ann at ${registry.host}: `);
    host.stdin.write("hunter2:hunter2\r");
    expect(await ended).toBe(0);
  });

  test.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("%s ends them, and nothing is asked of the registry", async (_name, key) => {
    const host = FakeHost.atTerminal(env);
    const ended = host.run("login", registry.host);
    await host.stderr.waitFor("User name");
    host.stdin.write(key);
    expect(await ended).toBe(130);
    expect(host.stdin.echo).toBe(true);
    expect(registry.requests).toEqual([]);
  });
});

describe("a login that fails", () => {
  test("4: the registry does not take the password, and nothing is kept", async () => {
    const { host, code } = await login("hunter2-wrong");
    expect(code).toBe(4);
    expect(host.stderr.text).toContain("[UNAUTHORIZED, exit code 4]\n  hint: check the name and the password; ");
    await expect(stat(config)).rejects.toThrow("ENOENT");
  });

  test("4: its token service is at another private host, and gets nothing, unless it is allowed", async () => {
    registry.restage({ tokenAccess: { user: USER, realm: "https://10.1.2.3/token" } });
    const { host, code } = await login("hunter2:hunter2");
    expect(code).toBe(4);
    expect(host.stderr.text).toContain("add --allow-private-realm 10.1.2.3\n");
    expect(registry.requestLines()).toEqual(["GET /v2/ 401"]);
  });

  test("2: the file is broken, and left alone", async () => {
    await mkdir(folder.file(".docker"));
    await writeFile(config, '{"auths":');
    const { host, code } = await login("hunter2:hunter2");
    expect(code).toBe(2);
    expect(host.stderr.text).toContain("[CONFIG_INVALID, exit code 2]");
    expect(await readFile(config, "utf8")).toBe('{"auths":');
  });

  test("2: the helper is not there, and the file is no second choice", async () => {
    await configured({ credsStore: "desktop" });
    const { host, code } = await login("hunter2:hunter2");
    expect(code).toBe(2);
    expect(host.stderr.text).toMatch(
      /docker-credential-desktop, which credsStore in "\S+" names, got no such program on the PATH/,
    );
    expect(await readFile(config, "utf8")).toBe('{"credsStore":"desktop"}');
  });

  test("2: the helper repeats the password as it fails", async () => {
    await helpers.add("loud", "cat; cat >&2; exit 1");
    await configured({ credsStore: "loud" });
    expect((await login("hunter2:hunter2")).code).toBe(2);
  });

  test.each<[string, string, string[], string]>([
    ["no name", "x", ["--password-stdin"], "expected --username with --password-stdin, got none"],
    ["a name with a colon", "x", ["-u", "ann:hunter2", "--password-stdin"], 'without a colon, got "ann:…"'],
    ["an empty name", "x", ["-u", "", "--password-stdin"], 'without a colon, got ""'],
    ["an empty password", "\n", ["-u", "ann", "--password-stdin"], "expected a password, got an empty one"],
    ["a password without an end", "x".repeat(70_000), ["-u", "ann", "--password-stdin"], "at most 65536 bytes"],
    ["no terminal to ask at", "x", ["-u", "ann"], "got neither both options nor a terminal to ask at"],
    ["a password on the command line", "x", ["-u", "ann", "--password", "hunter2"], 'got "--password"'],
    ["the same in one word", "x", ["-u", "ann", "--password=hunter2"], 'got "--password"'],
    ["the same in short", "x", ["-u", "ann", "-p", "hunter2"], 'got "-p"'],
  ])("2: %s; nothing is asked of the registry", async (_what, input, options, message) => {
    const host = new FakeHost(env);
    host.stdin.end(input);
    expect(await host.run("login", registry.host, ...options)).toBe(2);
    expect(host.stderr.text).toContain(message);
    expect(host.stderr.text).toContain("[USAGE, exit code 2]");
    expect(host.stdout.text + host.stderr.text).not.toContain("hunter2");
    expect(registry.requests).toEqual([]);
  });

  test("2: standard input is a terminal, which would show the password", async () => {
    const host = FakeHost.atTerminal(env);
    expect(await host.run("login", registry.host, "-u", "ann", "--password-stdin")).toBe(2);
    expect(host.stderr.text).toContain("got a terminal, which would show it");
  });

  test.each([
    "https://",
    "https:///v2/",
    "ann:hunter2@reg.internal",
    "https://ann:hunter2@reg.internal/v2/",
    "/v2",
    "",
  ])("2: %j is no registry", async (text) => {
    const host = new FakeHost(env);
    host.stdin.end("x");
    expect(await host.run("login", text, "-u", "ann", "--password-stdin")).toBe(2);
    expect(host.stderr.text).not.toContain("hunter2");
  });

  test.each([
    ["https://reg.example/v2/", "sealift login reg.example"],
    ["HTTPS://reg.example:5000", "sealift login reg.example:5000"],
    ["http://reg.example:5000", "sealift login reg.example:5000 --plain-http"],
    ["https://index.docker.io/v1/", "sealift login docker.io"],
    ["reg.example/v2/team", "sealift login reg.example"],
    ["[::1]:5000/v2/", "sealift login [::1]:5000"],
  ])("2: %s is refused with a command that works", async (text, command) => {
    const host = new FakeHost(env);
    host.stdin.end("x");
    expect(await host.run("login", text, "-u", "ann", "--password-stdin")).toBe(2);
    expect(host.stderr.text).toContain(`expected a registry as HOST or HOST:PORT, got "${text}" [USAGE, exit code 2]`);
    expect(host.stderr.text).toContain(`hint: leave the rest out: ${command}\n`);
  });

  test("takes a slash behind the registry", async () => {
    const host = new FakeHost(env);
    host.stdin.end("hunter2:hunter2");
    expect(await host.run("login", `${registry.host}/`, "-u", "ann", "--password-stdin")).toBe(0);
    expect(host.stdout.text).toContain(`Logged in to ${registry.host} as ann\n`);
  });

  test("130: SIGTERM while a helper hangs, which is not waited for", async () => {
    await helpers.add("slow", `echo "$1" >> '${helpers.logPath("slow")}'; exec sleep 1000`);
    await configured({ credsStore: "slow" });
    await chmod(config, 0o600);
    const host = new FakeHost(env);
    host.stdin.end("hunter2:hunter2");
    const ended = host.run("login", registry.host, "-u", "ann", "--password-stdin");
    while ((await helpers.log("slow")).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    host.emit("SIGTERM");
    expect(await ended).toBe(130);
  });
});

describe("logout", () => {
  test("removes what login kept, and says so", async () => {
    await login("hunter2:hunter2");
    const host = new FakeHost(env);
    expect(await host.run("logout", registry.host)).toBe(0);
    expect(host.stdout.text).toBe(`Logged out of ${registry.host}\n  removed from  ${config}\n`);
    expect(host.stderr.text).toBe("");
    expect(JSON.parse(await readFile(config, "utf8"))).toEqual({ auths: {} });
  });

  test("removes it from the helper", async () => {
    await helpers.addKeeping("safe");
    await configured({ credsStore: "safe" });
    await login("hunter2:hunter2");
    const host = new FakeHost(env);
    expect(await host.run("logout", registry.host)).toBe(0);
    expect(host.stdout.text).toContain("  removed from  docker-credential-safe\n");
    expect(await helpers.log("safe")).toContain(`erase ${registry.host}`);
  });

  test("where nothing is, says so", async () => {
    const host = new FakeHost(env);
    expect(await host.run("logout", "reg.internal", "--json")).toBe(0);
    expect(host.json).toMatchObject({ result: { registry: "reg.internal", wasThere: false, remains: null } });
  });

  test("says where there still are credentials that will be used", async () => {
    await mkdir(folder.file(".config/containers"), { recursive: true });
    const podman = folder.file(".config/containers/auth.json");
    await writeFile(podman, JSON.stringify({ auths: { "reg.internal": { auth: AUTH } } }));
    const host = new FakeHost({ ...env, XDG_RUNTIME_DIR: folder.file("run") });
    expect(await host.run("logout", "reg.internal")).toBe(0);
    expect(host.stderr.text).toBe(
      `warning: there still are credentials for reg.internal: auths["reg.internal"] in "${podman}"\n`,
    );
  });

  test("2: a URL is refused with a command that works", async () => {
    const host = new FakeHost(env);
    expect(await host.run("logout", "http://reg.example/v2/")).toBe(2);
    expect(host.stderr.text).toContain("hint: leave the rest out: sealift logout reg.example\n");
  });

  test("2: a helper that fails", async () => {
    await configured({ credsStore: "desktop" });
    const host = new FakeHost(env);
    expect(await host.run("logout", "reg.internal")).toBe(2);
    expect(host.stderr.text).toContain("[CONFIG_INVALID, exit code 2]");
  });
});
