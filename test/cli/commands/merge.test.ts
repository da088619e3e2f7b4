import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf } from "../../../src/oci/index.js";
import { readEntry } from "../../support/entries.js";
import { noiseLayer, sampleImage, sampleLayer } from "../../support/images.js";
import { makeKeys } from "../../support/keys.js";
import { storeImage } from "../../support/store-image.js";
import { Stage } from "../stage.js";

let stage: Stage;
let weekly: string;
/** The bundle of the next week, whole and as a delta. */
let whole: string;
let delta: string;
let output: string;

beforeAll(async () => {
  stage = await Stage.create();
  const file = (name: string) => stage.scene.folder.file(name);
  [weekly, whole, delta, output] = [file("weekly.tar"), file("whole.tar"), file("delta.tar"), file("new.tar")];
  const { storage } = stage.scene.near;
  const large = await noiseLayer(2_500_000, "large");
  storeImage(storage, "team/big", "1", sampleImage({ layers: [large] }));
  await stage.scene.export(["team/big:1", "library/tiny:2"], { output: weekly });
  const fix = await sampleLayer({ fix: "of the week" });
  storeImage(storage, "team/big", "1", sampleImage({ layers: [large, fix] }));
  await stage.scene.export(["team/big:1", "library/tiny:2"], { output: whole });
  await stage.scene.export(["team/big:1", "library/tiny:2"], { output: delta, since: [weekly] });
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

function merge(...args: readonly string[]) {
  const host = stage.host();
  return { host, code: host.run("merge", ...args, "--key", stage.publicKey) };
}

describe("merge", () => {
  test("writes a bundle that verifies, says what came from where, and what to do next", async () => {
    const { host, code } = merge(weekly, delta, "-o", output);
    expect(await code).toBe(0);
    const { text } = host.stdout;
    expect(text).toContain(`Wrote ${output} with 2 images, under the delta's own signature\n`);
    expect(text).toContain(`  signed by  ${stage.scene.keys.signer.keyId}\n`);
    expect(text).toMatch(/^ {2}taken {6}2 blobs from .*weekly\.tar: 2\.5 MB/m);
    expect(text).toContain(`  docker load -i ${output}\n`);
    expect(text).toContain(`  sealift import ${output} --to REGISTRY[/PREFIX] --key ${stage.publicKey}\n`);
    expect(text).toMatch(/^done: /m);
    const verified = stage.host();
    expect(await verified.run("verify", output, "--key", stage.publicKey, "--deep")).toBe(0);
  });

  test("the result names the images for docker as a whole bundle does", async () => {
    const { code } = merge(weekly, delta, "-o", output);
    expect(await code).toBe(0);
    for (const document of ["oci-layout", "index.json", "manifest.json"]) {
      expect(await readEntry(output, document)).toEqual(await readEntry(whole, document));
    }
  });

  test("--json tells the same", async () => {
    const host = stage.host();
    expect(await host.run("merge", weekly, delta, "-o", output, "--key", stage.publicKey, "--json")).toBe(0);
    expect(host.json).toMatchObject({
      ok: true,
      result: {
        bundle: output,
        signedBy: stage.scene.keys.signer.keyId,
        identity: { stream: "delta" },
        images: [{ name: stage.tiny }, { name: `${stage.scene.near.host}/team/big:1` }],
        taken: [{ name: weekly, blobs: 2 }],
        volumes: null,
      },
    });
  });

  test("--volume-size cuts the bundle, --verify-write reads it back; a base may be cut, too", async () => {
    const folder = stage.scene.folder.file("parts");
    await mkdir(folder);
    expect(await merge(weekly, delta, "-o", `${folder}/base.tar`, "--volume-size", "1MB").code).toBe(0);
    expect((await readdir(folder)).filter((name) => /\.\d{3}$/.test(name))).toHaveLength(3);
    const again = stage.scene.folder.file("again.tar");
    expect(await merge(folder, delta, "-o", again, "--verify-write").code).toBe(0);
    const parts = await Promise.all([1, 2, 3].map((part) => readFile(`${folder}/base.tar.00${part}`)));
    expect((await readFile(again)).equals(Buffer.concat(parts))).toBe(true);
  });
});

describe("a merge that is refused", () => {
  test("2: the last bundle is whole: there is nothing to merge", async () => {
    const { host, code } = merge(delta, weekly, "-o", output);
    expect(await code).toBe(2);
    expect(host.stderr.text).toContain('weekly.tar" is whole [USAGE, exit code 2]');
    expect(host.stderr.text).toContain("hint: there is nothing to merge into it");
  });

  test("2: nobody has what the delta leaves out: the bundle that is missing is named", async () => {
    const other = stage.scene.folder.file("other.tar");
    await stage.scene.export(["team/app:1.0"], { output: other });
    const { host, code } = merge(other, delta, "-o", stage.scene.folder.file("never.tar"));
    expect(await code).toBe(2);
    expect(host.stderr.text).toContain("2 that the bundle weekly, serial 1767323045, created 2026-01-02T03:04:05Z");
    expect(await readdir(stage.scene.folder.path)).not.toContain("never.tar");
  });

  test("2: one bundle only", async () => {
    const { host, code } = merge(delta, "-o", output);
    expect(await code).toBe(2);
    expect(host.stderr.text).toContain("expected at least two bundles to merge, got 1 [USAGE, exit code 2]");
  });

  test("2: the output is one of the bundles, by another path, or a part of one", async () => {
    const link = stage.scene.folder.file("linked");
    await symlink(stage.scene.folder.path, link);
    const parts = stage.scene.folder.file("cut");
    await mkdir(parts);
    const cut = `${parts}/base.tar`;
    expect(await merge(weekly, delta, "-o", cut, "--volume-size", "1MB").code).toBe(0);
    const inputs = [weekly, delta, `${cut}.001`];
    const before = await Promise.all(inputs.map(async (path) => digestOf(await readFile(path))));
    for (const args of [
      [weekly, delta, "-o", weekly],
      [weekly, delta, "-o", delta],
      [weekly, delta, "-o", `${link}/weekly.tar`],
      [parts, delta, "-o", cut, "--volume-size", "1MB"],
      [parts, delta, "-o", `${link}/cut/base.tar`],
    ]) {
      const { host, code } = merge(...args);
      expect(await code).toBe(2);
      expect(host.stderr.text).toMatch(/expected --output to be a new file, but ".*" is read for it \[USAGE/);
    }
    const after = await Promise.all(inputs.map(async (path) => digestOf(await readFile(path))));
    expect(after).toEqual(before);
  });

  test.each([".partial", ".partial.old", ".001.partial"])(
    "2: a bundle is called as a leftover of the output: %s",
    async (suffix) => {
      const base = `${output}x${suffix}`;
      await copyFile(weekly, base);
      const { host, code } = merge(base, delta, "-o", `${output}x`);
      expect(await code).toBe(2);
      expect(host.stderr.text).toContain("is read for it");
      expect((await readFile(base)).equals(await readFile(weekly))).toBe(true);
      await rm(base);
    },
  );

  test("2: the output is a symbolic link, or a file that is no bundle", async () => {
    const [link, letter] = [stage.scene.folder.file("link.tar"), stage.scene.folder.file("letter.txt")];
    await symlink(whole, link);
    await writeFile(letter, "Dear Sir");
    for (const path of [link, letter]) {
      const { host, code } = merge(weekly, delta, "-o", path);
      expect(await code).toBe(2);
      expect(host.stderr.text).toContain("[FILE_EXISTS, exit code 2]");
    }
    expect(await readFile(letter, "utf8")).toBe("Dear Sir");
  });

  test("2: a stream, on either side", async () => {
    const out = merge(weekly, delta, "-o", "-");
    expect(await out.code).toBe(2);
    expect(out.host.stderr.text).toContain('expected --output to be a file, got "-" [USAGE');
    const piped = merge("-", delta, "-o", output);
    expect(await piped.code).toBe(2);
    expect(piped.host.stderr.text).toContain("got standard input [USAGE");
  });

  test("3: somebody else signed; --allow-unsigned asks nobody", async () => {
    const key = stage.scene.folder.file("stranger.pub");
    await writeFile(key, (await makeKeys()).publicKeyPem);
    const host = stage.host();
    expect(await host.run("merge", weekly, delta, "-o", output, "--key", key)).toBe(3);
    expect(host.stderr.text).toContain("[SIGNATURE_INVALID, exit code 3]");
    const unsigned = stage.host();
    expect(await unsigned.run("merge", weekly, delta, "-o", output, "--allow-unsigned")).toBe(0);
    expect(unsigned.stderr.text).toContain("--allow-unsigned");
  });

  test("6: another run writes the same bundle", async () => {
    const owner = { pid: 1, host: "elsewhere", id: "x", since: "2026-01-01T00:00:00Z" };
    await writeFile(`${output}.lock`, JSON.stringify(owner));
    const { host, code } = merge(weekly, delta, "-o", output);
    expect(await code).toBe(6);
    expect(host.stderr.text).toContain("[LOCKED, exit code 6]");
  });
});
