import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeKeys } from "../../support/keys.js";
import { Stage } from "../stage.js";

let stage: Stage;
let strangersKey: string;

beforeAll(async () => {
  stage = await Stage.create();
  await stage.export();
  strangersKey = stage.scene.folder.file("stranger.pub");
  await writeFile(strangersKey, (await makeKeys()).publicKeyPem);
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

describe("verify", () => {
  test("says that all is right, and what to do next", async () => {
    const host = stage.host();
    expect(await host.run("verify", stage.bundle, "--key", stage.publicKey)).toBe(0);
    const { keyId } = stage.scene.keys.signer;
    expect(host.stdout.text).toContain(`${stage.bundle} is whole: the digests of all its `);
    expect(host.stdout.text).toContain(`  signed by  ${keyId}\n`);
    expect(host.stdout.text).toContain("  layers     not unpacked (--deep does)\n");
    expect(host.stdout.text).toContain(`  ${stage.app}\n    digest     sha256:`);
    expect(host.stdout.text).toContain(
      `  sealift import ${stage.bundle} --to REGISTRY[/PREFIX] --key ${stage.publicKey}\n`,
    );
    expect(host.stderr.text).toBe(`Signed by the trusted key ${keyId}\n`);
  });

  test("--deep says how many layers were unpacked", async () => {
    const host = stage.host();
    expect(await host.run("verify", stage.bundle, "--key", stage.publicKey, "--deep", "--json")).toBe(0);
    expect(host.json).toMatchObject({ ok: true, exitCode: 0, result: { unpackedLayers: 3 } });
  });

  test("--json has null for what was not done", async () => {
    const host = stage.host();
    expect(await host.run("verify", stage.bundle, "--allow-unsigned", "--json")).toBe(0);
    expect(host.json).toMatchObject({
      result: {
        bundle: stage.bundle,
        signedBy: null,
        unpackedLayers: null,
        images: [{ name: stage.tiny }, { name: stage.app }],
      },
    });
  });

  test("one of several keys is enough", async () => {
    const host = stage.host();
    const keys = ["--key", strangersKey, "--key", stage.publicKey];
    expect(await host.run("verify", ...keys, stage.bundle)).toBe(0);
    expect(host.stdout.text).toContain(`--key ${strangersKey} --key ${stage.publicKey}\n`);
  });

  test("without --key, the folder of trusted keys is used", async () => {
    const config = stage.scene.folder.file("config");
    await mkdir(`${config}/sealift/trusted-keys`, { recursive: true });
    await writeFile(`${config}/sealift/trusted-keys/near.pub`, stage.scene.keys.publicKeyPem);
    const host = stage.host({ XDG_CONFIG_HOME: config });
    expect(await host.run("verify", stage.bundle)).toBe(0);
    expect(host.stdout.text).toContain(`  sealift import ${stage.bundle} --to REGISTRY[/PREFIX]\n`);
  });

  test("--allow-unsigned says so once, aloud, even with --quiet", async () => {
    const host = stage.host();
    expect(await host.run("verify", stage.bundle, "--allow-unsigned", "--quiet")).toBe(0);
    expect(host.stdout.text).toBe("");
    expect(host.stderr.text).toBe(
      "warning: nobody's signature is checked (--allow-unsigned): anybody may have made or changed this bundle\n",
    );
  });

  test("--allow-unsigned says so in the result, too", async () => {
    const host = stage.host();
    expect(await host.run("verify", stage.bundle, "--allow-unsigned")).toBe(0);
    expect(host.stdout.text).toContain("  signed by  NOT CHECKED: anybody may have made or changed this bundle\n");
  });

  test("--quiet says nothing", async () => {
    const host = stage.host();
    expect(await host.run("verify", stage.bundle, "--key", stage.publicKey, "-q")).toBe(0);
    expect(host.stdout.text + host.stderr.text).toBe("");
  });
});

describe("a verification that fails", () => {
  test("3: no key", async () => {
    const host = stage.host();
    expect(await host.run("verify", stage.bundle)).toBe(3);
    expect(host.stderr.text).toContain("[KEY_MISSING, exit code 3]");
  });

  test("3: a stranger's key", async () => {
    const host = stage.host();
    expect(await host.run("verify", stage.bundle, "--key", strangersKey)).toBe(3);
    expect(host.stderr.text).toContain("[SIGNATURE_INVALID, exit code 3]");
  });

  test("3: a bundle that was cut off, also with --quiet", async () => {
    const cut = stage.scene.folder.file("cut.tar");
    const bytes = await readFile(stage.bundle);
    await writeFile(cut, bytes);
    await truncate(cut, bytes.length - 512);
    const host = stage.host();
    expect(await host.run("verify", cut, "--key", stage.publicKey, "--quiet")).toBe(3);
    expect(host.stderr.text).toMatch(
      /^sealift: expected a bundle of \d+ bytes, got \d+ \[BUNDLE_INVALID, exit code 3\]\n {2}hint: /,
    );
  });

  test("2: a private key, a missing key, a folder", async () => {
    const codes = [
      [stage.privateKey, "KEY_INVALID"],
      [stage.scene.folder.file("none.pub"), "FILE_NOT_FOUND"],
      [stage.scene.folder.path, "CONFIG_INVALID"],
    ] as const;
    for (const [key, code] of codes) {
      const host = stage.host();
      expect(await host.run("verify", stage.bundle, "--key", key)).toBe(2);
      expect(host.stderr.text).toContain(`[${code}, exit code 2]`);
    }
  });
});
