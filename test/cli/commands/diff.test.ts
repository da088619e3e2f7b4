import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sampleImage, sampleLayer } from "../../support/images.js";
import { makeKeys } from "../../support/keys.js";
import { storeImage } from "../../support/store-image.js";
import { Stage } from "../stage.js";

let stage: Stage;
let newer: string;

beforeAll(async () => {
  stage = await Stage.create();
  await stage.export();
  newer = stage.scene.folder.file("newer.tar");
  const { storage } = stage.scene.near;
  storeImage(storage, "library/tiny", "2", sampleImage({ layers: [await sampleLayer({ content: "tinier" })] }));
  storeImage(storage, "library/more", "1", sampleImage({ layers: [await sampleLayer({ content: "more" })] }));
  await stage.scene.export(["library/tiny:2", "library/more:1"], { output: newer });
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

describe("diff", () => {
  test("says by image and by bytes what changed, and ends with 0", async () => {
    const host = stage.host();
    expect(await host.run("diff", stage.bundle, newer, "--key", stage.publicKey)).toBe(0);
    const { text } = host.stdout;
    expect(text).toContain(`From ${stage.bundle} to ${newer}: 1 image added, 1 removed, 1 changed, 0 as before\n`);
    expect(text).toContain(`+ ${stage.scene.near.host}/library/more:1\n    digest     sha256:`);
    expect(text).toContain(`- ${stage.app}\n    digest     sha256:`);
    expect(text).toMatch(
      /~ .*\/library\/tiny:2\n {4}was {5}sha256:\w+\n {4}is now {2}sha256:\w+\n {4}new {5}3 blobs, /,
    );
    expect(text).toMatch(/^ {2}as a delta {2}6 blobs, .* to carry, 0 blobs, 0 bytes left out$/m);
    expect(text).toMatch(/^ {2}later {7}made 2026-01-02T03:04:05Z, number \d+ of newer; signed by /m);
    expect(host.stderr.text).toBe("");
  });

  test("ends with 0 where nothing changed, too; --json tells which it was", async () => {
    const same = stage.host();
    expect(await same.run("diff", stage.bundle, stage.bundle, "--json")).toBe(0);
    expect(same.json).toMatchObject({
      ok: true,
      result: {
        differs: false,
        before: { bundle: stage.bundle, signedBy: null, isDelta: false },
        after: { bundle: stage.bundle },
        images: { added: [], removed: [], changed: [], unchanged: [stage.tiny, stage.app] },
        blobs: { onlyBefore: { blobs: 0, bytes: 0 }, onlyAfter: { blobs: 0, bytes: 0 } },
      },
    });
    const other = stage.host();
    expect(await other.run("diff", stage.bundle, newer, "--json")).toBe(0);
    expect(other.json).toMatchObject({ result: { differs: true, images: { removed: [{ name: stage.app }] } } });
  });

  test("without a key, says that nobody's signature was checked", async () => {
    const host = stage.host();
    expect(await host.run("diff", stage.bundle, newer)).toBe(0);
    expect(host.stdout.text.match(/signature NOT CHECKED/g)).toHaveLength(2);
  });

  test("3: the key of somebody else", async () => {
    const key = stage.scene.folder.file("stranger.pub");
    await writeFile(key, (await makeKeys()).publicKeyPem);
    const host = stage.host();
    expect(await host.run("diff", stage.bundle, newer, "--key", key)).toBe(3);
    expect(host.stdout.text).toBe("");
    expect(host.stderr.text).toContain("[SIGNATURE_INVALID, exit code 3]");
  });

  test("2: a bundle that is not there, one bundle only", async () => {
    const absent = stage.host();
    expect(await absent.run("diff", stage.bundle, stage.scene.folder.file("none.tar"))).toBe(2);
    expect(absent.stderr.text).toContain("[FILE_NOT_FOUND, exit code 2]");
    const single = stage.host();
    expect(await single.run("diff", stage.bundle)).toBe(2);
    expect(single.stderr.text).toContain("[USAGE, exit code 2]");
  });
});
