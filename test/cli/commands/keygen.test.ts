import { access, readFile, stat } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadSigner, loadVerifier } from "../../../src/signing/index.js";
import { TempFolder } from "../../support/temp-folder.js";
import { FakeHost } from "../fake-host.js";

let folder: TempFolder;
let prefix: string;

beforeEach(async () => {
  folder = await TempFolder.create();
  prefix = folder.file("mine");
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

function keygen(host: FakeHost, ...options: readonly string[]) {
  return host.run("keygen", "--output-key-prefix", prefix, ...options);
}

describe("keygen", () => {
  test("makes a pair that the password opens, and says what to carry where", async () => {
    const host = new FakeHost({ COSIGN_PASSWORD: "for tests", HOME: folder.path });
    expect(await keygen(host)).toBe(0);
    const signer = await loadSigner(await readFile(`${prefix}.key`, "utf8"), async () => "for tests");
    const verifier = loadVerifier(await readFile(`${prefix}.pub`, "utf8"));
    expect(signer.keyId).toBe(verifier.keyId);
    expect((await stat(`${prefix}.key`)).mode & 0o777).toBe(0o600);
    expect(host.stderr.text).toBe("");
    expect(host.stdout.text.replaceAll(folder.path, "FOLDER").replace(verifier.keyId, "KEY-ID")).toMatchInlineSnapshot(`
      "Made the key pair KEY-ID
        FOLDER/mine.key  signs: keep it, and its password, where you export
        FOLDER/mine.pub  checks: bring it to the far side by a way you trust, not with the bundles

      Next, on this side:
        sealift export IMAGE... -o bundle.tar --key FOLDER/mine.key
      On the far side, a public key in FOLDER/.config/sealift/trusted-keys needs no --key.
      "
    `);
  });

  test("an empty password earns a warning, and is taken", async () => {
    const host = new FakeHost({ COSIGN_PASSWORD: "" });
    expect(await keygen(host)).toBe(0);
    expect(host.stderr.text).toBe(
      `warning: The password is empty: whoever gets hold of ${prefix}.key can sign with it.\n`,
    );
  });

  test("--json and --quiet", async () => {
    const host = new FakeHost({ COSIGN_PASSWORD: "" });
    expect(await keygen(host, "--json", "--quiet")).toBe(0);
    expect(host.json).toEqual({
      ok: true,
      exitCode: 0,
      result: { privateKeyPath: `${prefix}.key`, publicKeyPath: `${prefix}.pub`, keyId: expect.any(String) as unknown },
    });
    expect(host.stderr.text).toBe("");
  });

  test("a pair that is there is not replaced", async () => {
    expect(await keygen(new FakeHost({ COSIGN_PASSWORD: "1" }))).toBe(0);
    const before = await readFile(`${prefix}.key`);
    const host = new FakeHost({ COSIGN_PASSWORD: "2" });
    expect(await keygen(host)).toBe(2);
    expect(host.stderr.text).toContain("[FILE_EXISTS, exit code 2]");
    expect(await readFile(`${prefix}.key`)).toEqual(before);
  });

  test("without a terminal and COSIGN_PASSWORD, nothing is made", async () => {
    const host = new FakeHost();
    expect(await keygen(host)).toBe(2);
    expect(host.stderr.text).toContain("got neither COSIGN_PASSWORD nor a terminal to ask at [USAGE, exit code 2]");
    await expect(access(`${prefix}.key`)).rejects.toThrow("ENOENT");
  });
});

describe("the question for a password", () => {
  test("is asked twice, and what is typed is not shown", async () => {
    const host = FakeHost.atTerminal();
    const ended = keygen(host);
    await host.stderr.waitFor(`Password for ${prefix}.key: `);
    expect(host.stdin.echo).toBe(false);
    host.stdin.write("geheim\r");
    await host.stderr.waitFor("The same again: ");
    host.stdin.write("gehx\u007feim\r");
    expect(await ended).toBe(0);
    expect(host.stdin.echo).toBe(true);
    expect(host.stdin.isPaused()).toBe(true);
    expect(host.stderr.text).toBe(`Password for ${prefix}.key: \nThe same again: \n`);
    expect(host.stdout.text).not.toContain("geheim");
    await loadSigner(await readFile(`${prefix}.key`, "utf8"), async () => "geheim");
  });

  test("takes both answers when they come at once", async () => {
    const host = FakeHost.atTerminal();
    host.stdin.write("pw\rpw\r");
    expect(await keygen(host)).toBe(0);
  });

  test("two different answers make no key", async () => {
    const host = FakeHost.atTerminal();
    host.stdin.write("7531\r8642\r");
    expect(await keygen(host)).toBe(2);
    expect(host.stderr.text).toContain("expected the same password twice, got two different ones [USAGE, exit code 2]");
    expect(host.stderr.text).not.toMatch(/7531|8642/);
    await expect(access(`${prefix}.key`)).rejects.toThrow("ENOENT");
  });

  test.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("%s ends it, and gives the terminal back", async (_name, key) => {
    const host = FakeHost.atTerminal();
    host.stdin.write("one\r");
    const ended = keygen(host);
    await host.stderr.waitFor("The same again: ");
    host.stdin.write(key);
    expect(await ended).toBe(130);
    expect(host.stdin.echo).toBe(true);
    expect(host.stderr.text).toContain("[INTERRUPTED, exit code 130]");
    await expect(access(`${prefix}.key`)).rejects.toThrow("ENOENT");
  });

  test("SIGTERM ends it, and gives the terminal back", async () => {
    const host = FakeHost.atTerminal();
    const ended = keygen(host);
    await host.stderr.waitFor("Password for");
    host.emit("SIGTERM");
    expect(await ended).toBe(130);
    expect(host.stdin.echo).toBe(true);
    expect(host.stderr.text).toContain("expected to finish, got SIGTERM [INTERRUPTED, exit code 130]");
  });

  test("is not asked where it could not be seen", async () => {
    const host = FakeHost.atTerminal();
    host.stderr.isTTY = false;
    expect(await keygen(host)).toBe(2);
  });
});
