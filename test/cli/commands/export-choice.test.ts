import { readdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { verifyFile } from "../../../src/composition/index.js";
import { generateKeyPair } from "../../../src/signing/index.js";
import type { FakeHost } from "../fake-host.js";
import { Stage } from "../stage.js";

let stage: Stage;
let lock: string;

beforeEach(async () => {
  stage = await Stage.create();
  lock = stage.scene.folder.file("sealift.lock");
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

function runExport(host: FakeHost, ...rest: readonly string[]) {
  return host.run("export", "-o", stage.bundle, "--key", stage.privateKey, ...rest);
}

async function bundled(): Promise<string[]> {
  const { images } = await verifyFile(stage.bundle, { trust: stage.scene.keys.trust });
  return images.map(({ name }) => name);
}

describe("export --images", () => {
  test("takes a list beside what is named", async () => {
    const list = stage.scene.folder.file("images.txt");
    await writeFile(list, `\ufeff# all of it\r\n${stage.scene.near.host}/team/app:^1 # a pattern\r\n`);
    const host = stage.host();
    expect(await runExport(host, stage.tiny, "--images", list)).toBe(0);
    expect(await bundled()).toEqual([stage.tiny, stage.app]);
    expect(host.stderr.text).toContain(`${stage.scene.near.host}/team/app:^1 is now 1.0\n`);
  });

  test("- is standard input", async () => {
    const host = stage.host();
    host.stdin.end(`${stage.tiny}\n`);
    expect(await runExport(host, "--images", "-")).toBe(0);
    expect(await bundled()).toEqual([stage.tiny]);
  });

  test("2: names the line that is wrong, before a password is asked for", async () => {
    const { privateKeyPem } = await generateKeyPair("secret");
    await writeFile(stage.privateKey, privateKeyPem);
    const host = stage.host();
    host.stdin.isTTY = true;
    host.stderr.isTTY = true;
    host.stdin.end(`${stage.tiny}\nnginx:1:2\n`);
    expect(await runExport(host, "--images", "-")).toBe(2);
    expect(host.stderr.text).toContain('(line 2 of "standard input") [REFERENCE_INVALID, exit code 2]');
    expect(host.stderr.text).not.toContain("Password");
  });

  test("2: a list without an end", async () => {
    const host = stage.host();
    host.stdin.end("#".repeat(5 * 1024 * 1024));
    expect(await runExport(host, "--images", "-")).toBe(2);
    expect(host.stderr.text).toContain("expected a list of at most 4194304 bytes on standard input, got more");
  });

  test("130: interrupted while nothing is piped in", async () => {
    const host = stage.host();
    const ended = runExport(host, "--images", "-");
    await expect.poll(() => host.stdin.listenerCount("readable")).toBeGreaterThan(0);
    host.emit("SIGINT");
    expect(await ended).toBe(130);
    expect(host.stderr.text).toContain("[INTERRUPTED, exit code 130]");
  });

  test.each([
    [[], "expected IMAGE or --images, got none"],
    [["--images", "-", "--password-stdin", "-u", "ann"], "expected one thing on standard input"],
    [["--images", "gone.txt"], 'expected to read "gone.txt"'],
    [["nginx", "--locked"], "expected --lock with --locked, got none"],
  ])("2: %j", async (argv, message) => {
    const host = stage.host();
    expect(await runExport(host, ...argv)).toBe(2);
    expect(host.stderr.text).toContain(message);
    expect(stage.scene.near.requests).toEqual([]);
  });
});

describe("export --lock", () => {
  test("makes the next export take the same, and --locked take nothing else", async () => {
    expect(await runExport(stage.host(), stage.app, "--lock", lock)).toBe(0);
    const before = await readFile(lock, "utf8");
    stage.scene.near.restage();
    const host = stage.host();
    expect(await runExport(host, stage.app, "--lock", lock, "--locked")).toBe(0);
    expect(stage.scene.near.requestLines().filter((line) => line.includes("/manifests/1.0"))).toEqual([]);

    stage.scene.near.restage();
    const lacking = stage.host();
    expect(await runExport(lacking, stage.app, stage.tiny, "--lock", lock, "--locked")).toBe(2);
    expect(lacking.stderr.text).toContain(`but it lacks ${stage.tiny} [CONFIG_INVALID, exit code 2]`);
    expect(stage.scene.near.requests).toEqual([]);
    expect(await readFile(lock, "utf8")).toBe(before);
  });

  test("5: an image that fails loses no entry of the others", async () => {
    const gone = `${stage.scene.near.host}/team/gone:1`;
    expect(await runExport(stage.host(), stage.app, "--lock", lock)).toBe(0);
    const host = stage.host();
    expect(await runExport(host, stage.app, stage.tiny, gone, "--lock", lock)).toBe(5);
    const { images } = JSON.parse(await readFile(lock, "utf8")) as { images: Record<string, string> };
    expect(Object.keys(images)).toEqual([stage.tiny, stage.app]);
  });

  test("2: --locked without the file, before a password is asked for", async () => {
    const { privateKeyPem } = await generateKeyPair("secret");
    await writeFile(stage.privateKey, privateKeyPem);
    const host = stage.host();
    host.stdin.isTTY = true;
    host.stderr.isTTY = true;
    expect(await runExport(host, stage.app, "--lock", lock, "--locked")).toBe(2);
    expect(host.stderr.text).toContain("[FILE_NOT_FOUND, exit code 2]");
    expect(host.stderr.text).not.toContain("Password");
  });

  test("2: the lock is the bundle itself, which is there already", async () => {
    await stage.export();
    stage.scene.near.restage();
    const before = await readFile(stage.bundle);
    const host = stage.host();
    expect(await runExport(host, stage.app, "--lock", stage.bundle)).toBe(2);
    expect(host.stderr.text).toContain("expected a lock file of its own");
    expect(host.stderr.text).toContain("[USAGE, exit code 2]\n  hint: choose another name, such as sealift.lock\n");
    expect(await readFile(stage.bundle)).toEqual(before);
    expect(stage.scene.near.requests).toEqual([]);
  });

  test("2: the lock is another bundle, which is left alone", async () => {
    await stage.export();
    const other = stage.scene.folder.file("other.tar");
    const before = await readFile(stage.bundle);
    await writeFile(other, before);
    const host = stage.host();
    expect(await runExport(host, stage.app, "--lock", other)).toBe(2);
    expect(host.stderr.text).toContain(`expected lock file "${other}" to be JSON, got `);
    expect(host.stderr.text).toContain("[CONFIG_INVALID, exit code 2]\n  hint: name another file; or, ");
    expect(await readFile(other)).toEqual(before);
  });

  test("4: nothing is written where nothing could be had", async () => {
    const host = stage.host();
    expect(await runExport(host, `${stage.scene.near.host}/team/app:9.*`, "--lock", lock)).toBe(4);
    expect(await readdir(stage.scene.folder.path)).toEqual(["test.key", "test.pub"]);
  });
});
