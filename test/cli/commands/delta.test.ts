import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readEntry } from "../../support/entries.js";
import { noiseLayer, sampleImage } from "../../support/images.js";
import { makeKeys } from "../../support/keys.js";
import { storeImage } from "../../support/store-image.js";
import { Stage } from "../stage.js";

let stage: Stage;
let base: string;
let delta: string;
const SIZE = "51.7 kB";

beforeEach(async () => {
  stage = await Stage.create();
  base = stage.scene.folder.file("base.tar");
  delta = stage.scene.folder.file("delta.tar");
  const shared = await noiseLayer(50_000, "shared");
  const near = stage.scene.near.storage;
  storeImage(near, "app", "1", sampleImage({ layers: [shared] }));
  storeImage(near, "app", "2", sampleImage({ layers: [shared, await noiseLayer(100, "new")] }));
  expect((await exportTo(base, ["app:1"])).code).toBe(0);
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

async function run(...args: string[]) {
  const host = stage.host();
  const code = await host.run(...args);
  return { host, code, out: host.stdout.text, err: host.stderr.text };
}

function exportTo(output: string, images: readonly string[], ...more: string[]) {
  const names = images.map((image) => `${stage.scene.near.host}/${image}`);
  return run("export", ...names, "-o", output, "--key", stage.privateKey, ...more);
}

const trusted = () => ["--key", stage.publicKey];
const far = () => ["--to", stage.scene.far.host, ...trusted()];

describe("export --since", () => {
  test("says what was left out, on what the delta relies, and that it cannot be loaded", async () => {
    const { code, out } = await exportTo(delta, ["app:2"], "--since", base);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`left out +1 blob: ${SIZE} \\([0-9,]+ bytes\\); the registry must have them\n`));
    expect(out).toMatch(/relies on +base, made \S+, number \d+, index sha256:[0-9a-f]{64}\n/);
    expect(out).toContain(
      "This is a delta: sealift import takes it where its base was imported, and docker load does not.",
    );
    expect(out).toContain("sealift merge BASE DELTA -o BUNDLE");
  });

  test("--json has the same", async () => {
    const { host } = await exportTo(delta, ["app:2"], "--since", base, "--json");
    expect(host.json).toMatchObject({
      ok: true,
      result: { delta: { form: "delta", blobs: 1, bases: [{ kind: "bundle", stream: "base", blobs: 1 }] } },
    });
  });

  test("takes a bare index and an inventory by what is in them, several at once", async () => {
    const index = stage.scene.folder.file("week1");
    await writeFile(index, await readEntry(base, "sealift/bundle.json"));
    const inventory = stage.scene.folder.file("far.tar");
    await run("import", base, ...far());
    expect((await run("inventory", `${stage.scene.far.host}/app`, "-o", inventory)).code).toBe(0);
    for (const files of [[index], [inventory], [inventory, index]]) {
      const { host, err } = await exportTo(delta, ["app:2"], ...files.flatMap((file) => ["--since", file]), "--json");
      expect(host.json).toMatchObject({ result: { delta: { blobs: 1 } } });
      // The first one that has the layer vouches for it; the other one is of no use then.
      expect(err.includes("nothing is left out for")).toBe(files.length > 1);
      expect((await run("import", delta, ...far())).code).toBe(0);
    }
  });

  test("3: takes no bundle that a stranger signed, and takes one whose key is trusted", async () => {
    const stranger = await makeKeys();
    await stage.scene.export(["app:1"], { output: base, signer: stranger.signer });
    const refused = await exportTo(delta, ["app:2"], "--since", base);
    expect(refused.code).toBe(3);
    expect(refused.err).toContain("base.tar");
    expect(refused.err).toContain("[SIGNATURE_INVALID, exit code 3]");
    const key = stage.scene.folder.file(".config/sealift/trusted-keys/stranger.pub");
    await mkdir(dirname(key), { recursive: true });
    await writeFile(key, stranger.publicKeyPem);
    expect((await exportTo(delta, ["app:2"], "--since", base)).code).toBe(0);
  });

  test.each([
    ["a file that is not there", "nowhere.tar", undefined, "FILE_NOT_FOUND"],
    ["rubbish", "rubbish", "no bundle at all", "BUNDLE_INVALID"],
    ["another document", "other.json", '{"a":1}', "CONFIG_INVALID"],
  ])("refuses %s", async (_what, name, text, code) => {
    const file = stage.scene.folder.file(name);
    if (text !== undefined) await writeFile(file, text);
    const { err, code: exitCode } = await exportTo(delta, ["app:2"], "--since", file);
    expect(exitCode).toBeGreaterThan(1);
    expect(err).toContain(`[${code}, `);
    // Of several files, this is the one that is meant.
    expect(err).toContain(name);
  });

  test.each<[string, (text: string) => Buffer]>([
    ["with a byte order mark", (text) => Buffer.from(`\ufeff${text}`)],
    ["in UTF-16, as PowerShell's > writes it", (text) => Buffer.from(`\ufeff${text}`, "utf16le")],
    ["in UTF-16 of the other order", (text) => Buffer.from(`\ufeff${text}`, "utf16le").swap16()],
    ["in UTF-16 without a byte order mark", (text) => Buffer.from(text, "utf16le")],
  ])("2: a document %s is refused, and the message says which encoding is expected", async (_what, encode) => {
    const document = stage.scene.folder.file("week1.json");
    await writeFile(document, encode((await readEntry(base, "sealift/bundle.json")).toString("utf8")));
    const { err, code } = await exportTo(delta, ["app:2"], "--since", document);
    expect(code).toBe(2);
    expect(err).toContain(`week1.json" to be JSON in UTF-8 without a byte order mark`);
  });

  test("2: a document behind spaces is none, and taken for no bundle either", async () => {
    const document = stage.scene.folder.file("week1.json");
    await writeFile(document, `${" ".repeat(1000)}{"a":1}`);
    const { err, code } = await exportTo(delta, ["app:2"], "--since", document);
    expect(code).toBe(2);
    expect(err).toContain("week1.json");
  });

  test("3: an index that is none is refused with its file's name", async () => {
    const document = stage.scene.folder.file("week1.json");
    const index = JSON.parse((await readEntry(base, "sealift/bundle.json")).toString("utf8")) as object;
    await writeFile(document, JSON.stringify({ ...index, entries: [] }));
    const { err, code } = await exportTo(delta, ["app:2"], "--since", document);
    expect(code).toBe(3);
    expect(err).toMatch(/week1\.json": expected entry 0/);
  });
});

test("2: a delta never takes the place of its base", async () => {
  const { err, code } = await exportTo(base, ["app:2"], "--since", base);
  expect(code).toBe(2);
  expect(err).toContain("[USAGE, exit code 2]");
  expect((await run("verify", base, ...trusted())).code).toBe(0);
});

describe("a delta", () => {
  beforeEach(async () => {
    expect((await exportTo(delta, ["app:2"], "--since", base)).code).toBe(0);
  });

  test("verify says what it did not check", async () => {
    const { code, out } = await run("verify", delta, ...trusted(), "--deep");
    expect(code).toBe(0);
    expect(out).toMatch(/left out +1 blob: 51\.7 kB/);
    expect(out).toMatch(/relies on +base, /);
    expect(out).toContain("1 unpacked and right");
    const { host } = await run("verify", delta, ...trusted(), "--json");
    expect(host.json).toMatchObject({ result: { delta: { form: "delta", blobs: 1 } } });
  });

  test("inspect shows it", async () => {
    const { code, out } = await run("inspect", delta);
    expect(code).toBe(0);
    expect(out).toMatch(/left out +1 blob: 51\.7 kB/);
    const { host } = await run("inspect", delta, "--json");
    expect(host.json).toMatchObject({ result: { delta: { blobs: 1 }, index: { delta: { leftOut: [{ base: 0 }] } } } });
  });

  test("import needs the base at the registry, and says so before it sends anything", async () => {
    for (const more of [["--dry-run"], []]) {
      const { code, err } = await run("import", delta, ...far(), ...more);
      expect(code).toBe(4);
      expect(err).toMatch(/got none of these: 1 that the bundle base, serial \d+, created \S+ \(index sha256:/);
      expect(err).toContain("hint: import that bundle first, with the same --to");
    }
    expect(stage.scene.far.requestLines().filter((line) => !/^(?:GET|HEAD) /.test(line))).toEqual([]);
    expect((await run("import", base, ...far())).code).toBe(0);
    const { code, out } = await run("import", delta, ...far());
    expect(code).toBe(0);
    expect(out).toMatch(/0 mounted from another repository, 1 there already\n/);
    expect(out).toMatch(/left out +1 blob: 51\.7 kB/);
  });

  test("import says what it copied where the registry does not mount", async () => {
    const tool = `${stage.scene.near.host}/tool:1`;
    storeImage(stage.scene.near.storage, "tool", "1", sampleImage({ layers: [await noiseLayer(50_000, "shared")] }));
    await run("import", base, ...far());
    await run("export", tool, "-o", delta, "--key", stage.privateKey, "--since", base);
    stage.scene.far.restage({ mount: "refused" });
    const { code, out } = await run("import", delta, ...far());
    expect(code).toBe(0);
    expect(out).toMatch(/1 copied from another one: 51\.7 kB/);
  });

  test("without its base is merged to a bundle that says so", async () => {
    const merged = stage.scene.folder.file("merged.tar");
    expect((await run("merge", base, delta, "-o", merged, ...trusted())).code).toBe(0);
    const { out } = await run("verify", merged, ...trusted());
    expect(out).toMatch(/merged +it also holds what its delta leaves out, 1 blob: 51\.7 kB/);
    expect((await run("import", merged, ...far())).code).toBe(0);
    await copyFile(merged, base);
    expect((await exportTo(delta, ["app:2"], "--since", base)).code).toBe(0);
  });
});
