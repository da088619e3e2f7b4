import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BUNDLE_INDEX_PATH, SIGNATURE_PATH } from "../../../src/bundle/format/index.js";
import { BLOCK_SIZE, encodeHeader, paddingSize } from "../../../src/tar/index.js";
import { makeKeys } from "../../support/keys.js";
import { Stage } from "../stage.js";

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.create();
  await stage.export();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

describe("inspect", () => {
  test("with a key, says who signed", async () => {
    const host = stage.host();
    expect(await host.run("inspect", stage.bundle, "--key", stage.publicKey)).toBe(0);
    expect(host.stdout.text).toContain(`${stage.bundle} says that it holds 2 images in `);
    expect(host.stdout.text).toContain(`  signed by  ${stage.scene.keys.signer.keyId}\n`);
    expect(host.stdout.text).toContain("  made       2026-01-02T03:04:05Z, number 1767323045 of bundle\n");
    expect(host.stderr.text).toBe("");
  });

  test("without a key, shows the index, and that nobody's signature was checked", async () => {
    const host = stage.host();
    expect(await host.run("inspect", stage.bundle)).toBe(0);
    expect(host.stdout.text).toContain("  signed by  NOT CHECKED: anybody may have made or changed this bundle\n");
    expect(host.stdout.text).toContain(`  key id     ${stage.scene.keys.signer.keyId}, as the bundle says\n`);
    expect(host.stdout.text).toContain(stage.app);
  });

  test("--json has the whole index", async () => {
    const host = stage.host();
    expect(await host.run("inspect", stage.bundle, "--json")).toBe(0);
    expect(host.json).toMatchObject({
      ok: true,
      exitCode: 0,
      result: {
        bundle: stage.bundle,
        signatureChecked: false,
        signedBy: null,
        index: { formatVersion: 1, images: [{ name: stage.tiny }, { name: stage.app }] },
      },
    });
  });

  test("3: the key of somebody else", async () => {
    const key = stage.scene.folder.file("stranger.pub");
    await writeFile(key, (await makeKeys()).publicKeyPem);
    const host = stage.host();
    expect(await host.run("inspect", stage.bundle, "--key", key)).toBe(3);
    expect(host.stderr.text).toContain("[SIGNATURE_INVALID, exit code 3]");
    expect(host.stdout.text).toBe("");
  });

  test("says so when the file has another size than the index asks for", async () => {
    const path = stage.scene.folder.file("longer.tar");
    await writeFile(path, Buffer.concat([await readFile(stage.bundle), Buffer.alloc(512)]));
    const host = stage.host();
    expect(await host.run("inspect", path)).toBe(0);
    expect(host.stdout.text).toMatch(/^ {2}file size {2}.* it is not whole, or was changed$/m);
  });

  test("hostile: text in a bundle cannot drive the terminal, nor forge a line", async () => {
    const path = stage.scene.folder.file("hostile.tar");
    const name = "a:1\u001b[2K\u001b[1A\r\n  signed by  somebody\u009b31m\u202e";
    await writeFile(
      path,
      await bundleWith((image) => {
        image.platforms = [name];
      }),
    );
    for (const options of [[], ["--json"]]) {
      const host = stage.host();
      host.stdout.isTTY = true;
      expect(await host.run("inspect", path, ...options)).toBe(0);
      expect(host.stdout.text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      expect(host.stdout.text).not.toMatch(/^ {2}signed by {2}somebody/m);
      expect(host.stdout.text).toContain("\\u001b[2K");
    }
  });

  test("hostile: a name that is no reference is refused", async () => {
    const path = stage.scene.folder.file("hostile.tar");
    await writeFile(
      path,
      await bundleWith((image) => {
        image.name = "x.io/../../etc:1";
      }),
    );
    const host = stage.host();
    expect(await host.run("inspect", path)).toBe(3);
    expect(host.stderr.text).toContain("BUNDLE_INVALID");
  });
});

// Only what inspect reads: the index and its signature.
async function bundleWith(change: (image: { name: string; platforms: string[] }) => void): Promise<Buffer> {
  const bundle = await readFile(stage.bundle);
  const size = Number.parseInt(bundle.toString("latin1", 124, 135), 8);
  const index = JSON.parse(bundle.toString("utf8", BLOCK_SIZE, BLOCK_SIZE + size)) as {
    images: { name: string; platforms: string[] }[];
  };
  index.images.forEach(change);
  const bytes = Buffer.from(JSON.stringify(index));
  const signature = stage.scene.keys.signer.sign(bytes);
  const files = [
    [BUNDLE_INDEX_PATH, bytes],
    [SIGNATURE_PATH, signature],
  ] as const;
  return Buffer.concat(
    files.flatMap(([path, content]) => [
      encodeHeader(path, content.length),
      content,
      Buffer.alloc(paddingSize(content.length)),
    ]),
  );
}
