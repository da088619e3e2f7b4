import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadTrustedKeys, loadVerifier, trustedKeysFolder } from "../../src/signing/index.js";
import { failureOf } from "../support/errors.js";
import { cosign } from "./fixture.js";

describe("the folder of trusted keys", () => {
  test.each([
    [{ XDG_CONFIG_HOME: "/etc/xdg-alice", HOME: "/home/alice" }, "/etc/xdg-alice/sealift/trusted-keys"],
    [{ HOME: "/home/alice" }, "/home/alice/.config/sealift/trusted-keys"],
    [{ XDG_CONFIG_HOME: "", HOME: "/home/alice" }, "/home/alice/.config/sealift/trusted-keys"],
    [{ XDG_CONFIG_HOME: "relative", HOME: "/home/alice" }, "/home/alice/.config/sealift/trusted-keys"],
    [{}, join(homedir(), ".config/sealift/trusted-keys")],
  ])("for the environment %j is %s", (env, folder) => {
    expect(trustedKeysFolder(env)).toBe(folder);
  });
});

describe("trusted keys", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sealift-trusted-keys-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  function anotherPublicKeyPem(): string {
    return generateKeyPairSync("ec", { namedCurve: "P-256" })
      .publicKey.export({ format: "pem", type: "spki" })
      .toString();
  }

  test("are all *.pub files, by name; other and hidden files are left alone", async () => {
    const first = anotherPublicKeyPem();
    await writeFile(join(folder, "b.pub"), cosign.publicKeyPem);
    await writeFile(join(folder, "a.pub"), first);
    await writeFile(join(folder, "notes.txt"), "not a key");
    await writeFile(join(folder, "._a.pub"), "what macOS leaves on foreign media");
    const ids = (await loadTrustedKeys(folder)).map((verifier) => verifier.keyId);
    expect(ids).toEqual([loadVerifier(first).keyId, loadVerifier(cosign.publicKeyPem).keyId]);
  });

  test("may be links to files, as a mounted configuration has them", async () => {
    await mkdir(join(folder, "data"));
    await writeFile(join(folder, "data", "key"), cosign.publicKeyPem);
    await symlink(join("data", "key"), join(folder, "a.pub"));
    expect(await loadTrustedKeys(folder)).toHaveLength(1);
  });

  test("are none when the folder is empty or missing", async () => {
    expect(await loadTrustedKeys(folder)).toEqual([]);
    expect(await loadTrustedKeys(join(folder, "missing"))).toEqual([]);
  });

  test("are refused whole when one file is not a public key; the file is named", async () => {
    await writeFile(join(folder, "good.pub"), cosign.publicKeyPem);
    await writeFile(join(folder, "wrong.pub"), cosign.privateKeyPem);
    const error = await failureOf(() => loadTrustedKeys(folder));
    expect(error.code).toBe("KEY_INVALID");
    expect(error.message).toContain("wrong.pub");
    expect(error.message).toContain("got a private key");
    expect(error.hint).toContain(".pub file");
  });

  test("are refused when a file is larger than any key", async () => {
    const path = join(folder, "huge.pub");
    await writeFile(path, cosign.publicKeyPem);
    await truncate(path, 2 ** 33);
    const error = await failureOf(() => loadTrustedKeys(folder));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain("huge.pub");
    expect(error.message).toContain("at most 65536 bytes");
  });

  test.each<[string, string, (path: string) => Promise<unknown>]>([
    ["a folder", "not a regular file", (path) => mkdir(path)],
    ["a device that never ends", "not a regular file", (path) => symlink("/dev/zero", path)],
    ["a link to nowhere", "ENOENT", (path) => symlink("nowhere", path)],
  ])("are refused when one is %s", async (_what, why, make) => {
    await make(join(folder, "odd.pub"));
    const error = await failureOf(() => loadTrustedKeys(folder));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain("odd.pub");
    expect(error.message).toContain(why);
  });

  test("are refused when their folder is a file", async () => {
    const path = join(folder, "trusted-keys");
    await writeFile(path, "");
    const error = await failureOf(() => loadTrustedKeys(path));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain("ENOTDIR");
  });
});
