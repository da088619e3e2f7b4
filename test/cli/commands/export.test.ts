import { readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { verifyFile } from "../../../src/composition/index.js";
import { generateKeyPair } from "../../../src/signing/index.js";
import type { FakeHost } from "../fake-host.js";
import { Stage } from "../stage.js";

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.create();
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

function runExport(host: FakeHost, ...rest: readonly string[]) {
  return host.run("export", "-o", stage.bundle, "--key", stage.privateKey, ...rest);
}

describe("export", () => {
  test("writes a bundle, and says what is in it and what to do next", async () => {
    const host = stage.host({ SOURCE_DATE_EPOCH: "1767323045" });
    expect(await runExport(host, stage.app, stage.tiny)).toBe(0);
    const { images, identity, indexDigest, size } = await verifyFile(stage.bundle, { trust: stage.scene.keys.trust });
    expect(images.map(({ name }) => name)).toEqual([stage.tiny, stage.app]);
    expect(identity).toMatchObject({ created: "2026-01-02T03:04:05Z", serial: 1767323045 });
    expect(host.stdout.text).toContain(`${size.toLocaleString("en-US")} bytes`);
    expect(host.stdout.text).toContain(indexDigest);
    expect(host.stdout.text).toContain(stage.scene.keys.signer.keyId);
    expect(host.stdout.text).toContain("platforms  linux/amd64, linux/arm64");
    expect(host.stdout.text).toContain(`  sealift verify ${stage.bundle} --key ${stage.publicKey}\n`);
    for (const { root } of images) expect(host.stdout.text).toContain(root.digest);
  });

  test("names the public key to verify with only where there is one", async () => {
    await rm(stage.publicKey);
    const host = stage.host();
    expect(await runExport(host, stage.tiny)).toBe(0);
    expect(host.stdout.text).toContain(
      `\nNext, after carrying it to the far side, with the public half of the key as NAME.pub:\n  sealift verify ${stage.bundle} --key NAME.pub\n`,
    );
  });

  test("says what it leaves out", async () => {
    const host = stage.host();
    expect(await runExport(host, stage.app, "--platform", "linux/arm64")).toBe(0);
    expect(host.stdout.text).toContain("platforms  linux/arm64\n");
    expect(host.stdout.text).toContain("left out   1 manifest for linux/amd64\n");
  });

  test("where there is no terminal, stderr has a few plain lines", async () => {
    const host = stage.host();
    expect(await runExport(host, stage.app)).toBe(0);
    expect(host.stderr.text).toBe("Reading the manifests of 1 image\nMaking the bundle safe on its medium\n");
    expect(host.stdout.text + host.stderr.text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  test("on a terminal, bars come and go before the result", async () => {
    const host = stage.host();
    host.stderr.isTTY = true;
    expect(await runExport(host, stage.app)).toBe(0);
    expect(host.stderr.text).toMatch(/4\/4 blobs {4}\[=+\] 100%/);
    expect(host.stderr.text.endsWith("\u001b[0J")).toBe(true);
  });

  test("--json prints one object", async () => {
    const host = stage.host();
    expect(await runExport(host, stage.tiny, "--json")).toBe(0);
    expect(host.json).toMatchObject({
      ok: true,
      exitCode: 0,
      result: {
        bundle: stage.bundle,
        signedBy: stage.scene.keys.signer.keyId,
        images: [{ name: stage.tiny, requested: stage.tiny, platforms: ["linux/amd64"], omitted: [] }],
        failures: [],
      },
    });
  });

  test("--quiet says nothing", async () => {
    const host = stage.host();
    expect(await runExport(host, stage.tiny, "--quiet")).toBe(0);
    expect(host.stdout.text + host.stderr.text).toBe("");
  });

  test("an encrypted key is opened with COSIGN_PASSWORD, and not without", async () => {
    const { privateKeyPem } = await generateKeyPair("right");
    await writeFile(stage.privateKey, privateKeyPem);
    expect(await runExport(stage.host({ COSIGN_PASSWORD: "right" }), stage.tiny)).toBe(0);
    const wrong = stage.host({ COSIGN_PASSWORD: "not right" });
    expect(await runExport(wrong, stage.tiny)).toBe(2);
    expect(wrong.stderr.text).toContain("[PASSWORD_WRONG, exit code 2]");
    expect(wrong.stderr.text).not.toContain("not right");
    const none = stage.host();
    expect(await runExport(none, stage.tiny)).toBe(2);
    expect(none.stderr.text).toContain("[USAGE, exit code 2]");
  });

  test("an encrypted key's password is asked for once at a terminal", async () => {
    const { privateKeyPem } = await generateKeyPair("right");
    await writeFile(stage.privateKey, privateKeyPem);
    const host = stage.host();
    host.stdin.isTTY = true;
    host.stderr.isTTY = true;
    host.stdin.write("right\r");
    expect(await runExport(host, stage.tiny)).toBe(0);
    expect(host.stderr.text).toContain(`Password of ${stage.privateKey}: \n`);
  });
});

describe("an export that fails", () => {
  test("5: one image of two; the other one is in the bundle", async () => {
    const missing = `${stage.scene.near.host}/team/gone:1`;
    const host = stage.host();
    expect(await runExport(host, missing, stage.tiny)).toBe(5);
    expect(host.stdout.text).toContain(`Wrote ${stage.bundle} with 1 image\n`);
    expect(host.stderr.text).toContain(
      "sealift: expected every image to be carried, but 1 image failed; the others are done [PARTIAL, exit code 5]\n",
    );
    expect(host.stderr.text).toMatch(new RegExp(`^  ${missing}: expected .* \\[NOT_FOUND\\]\n    hint: `, "m"));
  });

  test("5: the same as JSON", async () => {
    const missing = `${stage.scene.near.host}/team/gone:1`;
    const host = stage.host();
    expect(await runExport(host, missing, stage.tiny, "--json")).toBe(5);
    expect(host.json).toMatchObject({
      ok: false,
      exitCode: 5,
      error: { code: "PARTIAL", message: expect.stringContaining("1 image failed") as unknown },
      result: {
        images: [{ name: stage.tiny }],
        failures: [{ requested: missing, error: { code: "NOT_FOUND", message: expect.any(String) as unknown } }],
      },
    });
  });

  test("4: no image at all", async () => {
    const host = stage.host();
    expect(await runExport(host, `${stage.scene.near.host}/team/gone:1`)).toBe(4);
    expect(host.stderr.text).toContain("[NOT_FOUND, exit code 4]");
    expect(await readdir(stage.scene.folder.path)).toEqual(["test.key", "test.pub"]);
  });

  test("3: the registry sends wrong bytes", async () => {
    stage.scene.near.restage({ wrongBlobBytes: true });
    const host = stage.host();
    expect(await runExport(host, stage.tiny)).toBe(3);
    expect(host.stderr.text).toContain("[DIGEST_MISMATCH, exit code 3]");
    expect(await readdir(stage.scene.folder.path)).toEqual(["test.key", "test.pub"]);
  });

  test("6: another run writes the same bundle", async () => {
    const owner = { pid: process.ppid, host: hostname(), id: "another", since: "2026-01-01T00:00:00Z" };
    await writeFile(`${stage.bundle}.lock`, JSON.stringify(owner));
    const host = stage.host();
    expect(await runExport(host, stage.tiny)).toBe(6);
    expect(host.stderr.text).toContain("[LOCKED, exit code 6]");
  });

  test.each([["yesterday"], [""], ["1.5"], ["-1"], ["253402300800"]])("2: SOURCE_DATE_EPOCH=%j", async (epoch) => {
    const host = stage.host({ SOURCE_DATE_EPOCH: epoch });
    expect(await runExport(host, stage.tiny)).toBe(2);
    expect(host.stderr.text).toContain("expected SOURCE_DATE_EPOCH to be whole seconds since 1970");
    expect(host.stderr.text).toContain("[CONFIG_INVALID, exit code 2]");
  });

  test("2: the output is a folder", async () => {
    const host = stage.host();
    expect(await host.run("export", stage.tiny, "-o", stage.scene.folder.path, "--key", stage.privateKey)).toBe(2);
    expect(host.stderr.text).toContain("to be a file, got a folder [CONFIG_INVALID, exit code 2]");
  });

  test.each(["bundle-of-may.tar", "test.pub"])("2: the output is a link to %s, there or not", async (target) => {
    await symlink(target, stage.bundle);
    const host = stage.host();
    expect(await runExport(host, stage.tiny)).toBe(2);
    expect(host.stderr.text).toContain(
      `sealift: expected "${stage.bundle}" to be a file or nothing, got a symbolic link [FILE_EXISTS, exit code 2]\n` +
        "  hint: name the file that the link points to, or remove the link\n",
    );
    expect(await readlink(stage.bundle)).toBe(target);
    expect(await readdir(stage.scene.folder.path)).toEqual(["bundle.tar", "test.key", "test.pub"]);
  });

  test("2: the output is something else than a bundle", async () => {
    const host = stage.host();
    expect(await host.run("export", stage.tiny, "-o", stage.publicKey, "--key", stage.privateKey)).toBe(2);
    expect(host.stderr.text).toContain("[FILE_EXISTS, exit code 2]");
    expect(await readFile(stage.publicKey, "utf8")).toBe(stage.scene.keys.publicKeyPem);
  });

  test("hostile: a registry's answer cannot drive the terminal", async () => {
    const body = JSON.stringify({ errors: [{ code: "DENIED", message: "\u001b[2Jall is well\u009b31m" }] });
    stage.scene.near.restage({ missingBlobs: true, errorBody: body });
    const host = stage.host({ NO_COLOR: "1" });
    host.stderr.isTTY = true;
    expect(await runExport(host, stage.tiny, "--quiet")).toBe(4);
    expect(host.stderr.text).toContain("sealift: expected");
    expect(host.stderr.text).not.toMatch(/[\u001b\u009b]/);
  });
});

describe("an export that is interrupted in the middle of a layer", () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s leaves no file at all", async (signal) => {
    stage.scene.near.restage({ stalledBlobs: true });
    const host = stage.host();
    const ended = runExport(host, stage.app);
    await expect.poll(() => stage.scene.near.requestLines().filter((line) => line.includes("/blobs/")).length).toBe(4);
    await expect.poll(() => readdir(stage.scene.folder.path)).toContain("bundle.tar.partial");
    host.emit(signal);
    expect(await ended).toBe(130);
    expect(host.stderr.text).toContain("[INTERRUPTED, exit code 130]");
    expect(host.stdout.text).toBe("");
    expect(await readdir(stage.scene.folder.path)).toEqual(["test.key", "test.pub"]);
    expect(host.listenerCount(signal)).toBe(0);
  });
});
