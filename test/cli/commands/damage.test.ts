import { copyFile, mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { BundleLayout } from "../../../src/bundle/format/index.js";
import { digestOf } from "../../../src/oci/index.js";
import { openBundle } from "../../../src/operations/read/open-bundle.js";
import { makeKeys } from "../../support/keys.js";
import { MemorySource } from "../../support/memory-source.js";
import { type FakeHost } from "../fake-host.js";
import { Stage } from "../stage.js";

let stage: Stage;
let good: Buffer;
let layout: BundleLayout;
let copy: string;
let request: string;
let patch: string;

beforeAll(async () => {
  stage = await Stage.create();
  await stage.export();
  good = await readFile(stage.bundle);
  ({ layout } = await openBundle(new MemorySource(good), stage.scene.keys.trust));
  copy = stage.scene.folder.file("copy.tar");
  request = stage.scene.folder.file("request.json");
  patch = stage.scene.folder.file("patch.tar");
});

beforeEach(async () => {
  await copyFile(stage.bundle, copy);
  await rm(request, { force: true });
  await rm(patch, { force: true });
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

async function run(...argv: readonly string[]): Promise<{ readonly code: number; readonly host: FakeHost }> {
  const host = stage.host();
  return { code: await host.run(...argv, "--key", stage.publicKey), host };
}

/** Changes bytes of the copy. */
async function damage(position: number, bytes: Uint8Array): Promise<void> {
  const changed = await readFile(copy);
  changed.set(bytes, position);
  await writeFile(copy, changed);
}

const layer = () => layout.entries.at(-1)!;

describe("verify --quick", () => {
  test("says that nothing is damaged, and that this is no proof", async () => {
    const { code, host } = await run("verify", copy, "--quick");
    expect(code).toBe(0);
    expect(host.stdout.text).toContain(
      `${copy} shows no damage: all its ${layout.entries.length} entries have the sums`,
    );
    expect(host.stdout.text).toMatch(/digests +NOT CHECKED: this is no proof, the full check is\n/);
    expect(host.stdout.text).toContain(`  sealift verify ${copy} --key ${stage.publicKey}\n`);
  });

  test("names what is damaged, and who needs it, and goes on after it", async () => {
    await damage(layer().position, Buffer.from("XX"));
    await damage(layout.entries[3]!.headerPosition, Buffer.from("XX"));
    const { code, host } = await run("verify", copy, "--quick");
    expect(code).toBe(3);
    expect(host.stdout.text).toContain(`${copy} is damaged: 2 places of 2 files;`);
    expect(host.stdout.text).toContain(`from byte ${layer().position} on\n`);
    expect(host.stdout.text).toMatch(
      new RegExp(
        `of +${layer().path}\n +in +${copy}, from its byte ${layer().position} on\n +needed by +${stage.scene.near.host}/`,
      ),
    );
    expect(host.stderr.text).toMatch(
      /expected every chunk to be as it was written, but 2 places are not.*\[BUNDLE_INVALID, exit code 3\]/,
    );
    expect(host.stderr.text).toContain("--damage request.json");
  });

  test("--json lists all that is damaged", async () => {
    await damage(layer().position + 1, Buffer.from("XX"));
    const { code, host } = await run("verify", copy, "--quick", "--json");
    expect(code).toBe(3);
    expect(host.json).toMatchObject({
      ok: false,
      exitCode: 3,
      error: { code: "BUNDLE_INVALID" },
      result: {
        hasSums: true,
        damage: [
          {
            position: layer().position,
            length: layer().size,
            path: layer().path,
            fault: "content",
            places: [{ file: copy, offset: layer().position }],
          },
        ],
      },
    });
  });

  test("says that only the full check can tell when the sums are damaged", async () => {
    await damage(layout.chunkSums.position, Buffer.alloc(8));
    const { code, host } = await run("verify", copy, "--quick");
    expect(code).toBe(3);
    expect(host.stderr.text).toContain("only the full check can tell what else is damaged: sealift verify");
  });

  test("of a pipe is refused", async () => {
    const host = stage.host();
    host.stdin.end(good);
    expect(await host.run("verify", "-", "--quick", "--key", stage.publicKey)).toBe(2);
    expect(host.stderr.text).toContain("got standard input");
  });

  test.each([["--deep"], ["--volume-prompt"], ["--damage", "x.json"]])(
    "and %s are refused together",
    async (...more) => {
      const { code, host } = await run("verify", copy, "--quick", ...more);
      expect(code).toBe(2);
      expect(host.stderr.text).toContain(`expected --quick alone, got it with ${more[0]}`);
    },
  );
});

describe("a diode:", () => {
  test("verify --damage, patch and repair heal a copy", async () => {
    await damage(layer().position, Buffer.alloc(50, 1));
    await truncate(copy, layout.size - 700);

    const found = await run("verify", copy, "--damage", request);
    expect(found.code).toBe(3);
    expect(found.host.stdout.text).toContain(`Wrote ${request}, which asks for `);
    expect(found.host.stdout.text).toContain(`  sealift patch BUNDLE --request ${request} -o patch.tar --key`);
    expect((await stat(request)).size).toBeLessThan(1000);

    const made = await run("patch", stage.bundle, "--request", request, "-o", patch);
    expect(made.code).toBe(0);
    expect(made.host.stdout.text).toContain(`  sealift repair BUNDLE --with ${patch} --key`);

    const healed = await run("repair", copy, "--with", patch);
    expect(healed.code).toBe(0);
    expect(healed.host.stdout.text).toContain(`${copy} is whole: the digests of all its `);
    expect(Buffer.compare(await readFile(copy), good)).toBe(0);

    const again = await run("repair", copy, "--with", patch);
    expect(again.code).toBe(0);
    expect(again.host.stdout.text).toContain("Nothing was written");
  });

  test("a whole bundle needs no request", async () => {
    const { code, host } = await run("verify", copy, "--damage", request);
    expect(code).toBe(0);
    expect(host.stdout.text).toContain(`${copy} is whole`);
    await expect(stat(request)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a damaged head is asked for first", async () => {
    await damage(layout.index.position + 10, Buffer.alloc(300));
    await damage(layer().position, Buffer.alloc(50, 1));
    const { code, host } = await run("verify", copy, "--damage", request);
    expect(code).toBe(3);
    expect(host.stdout.text).toContain(`Wrote ${request}, which asks for the head\n`);
    expect((await run("patch", stage.bundle, "--request", request, "-o", patch)).code).toBe(0);
    const first = await run("repair", copy, "--with", patch);
    expect(first.code).toBe(3);
    expect(first.host.stdout.text).toContain(`is damaged: 1 place of 1 file; 1 image needs them\n`);
    expect((await run("verify", copy, "--damage", request)).code).toBe(3);
    expect((await run("patch", stage.bundle, "--request", request, "-o", patch)).code).toBe(0);
    expect((await run("repair", copy, "--with", patch)).code).toBe(0);
    expect(Buffer.compare(await readFile(copy), good)).toBe(0);
  });

  test("a wrong key is not taken for damage", async () => {
    const stranger = stage.scene.folder.file("stranger.pub");
    await writeFile(stranger, (await makeKeys()).publicKeyPem);
    const host = stage.host();
    expect(await host.run("verify", copy, "--damage", request, "--key", stranger)).toBe(3);
    expect(host.stderr.text).toContain("[SIGNATURE_INVALID, exit code 3]");
    await expect(stat(request)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a file that is no bundle is not taken for a damaged one", async () => {
    await writeFile(copy, Buffer.alloc(100_000, "no bundle "));
    const { code, host } = await run("verify", copy, "--damage", request);
    expect(code).toBe(3);
    expect(host.stderr.text).toContain("expected a Sealift bundle");
    await expect(stat(request)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("neither request nor patch is written over something else", async () => {
    const { code, host } = await run("verify", copy, "--damage", copy);
    expect(code).toBe(2);
    expect(host.stderr.text).toContain("to be a request or nothing, got another file");
    await damage(layer().position, Buffer.alloc(50, 1));
    await run("verify", copy, "--damage", request);
    expect((await run("patch", stage.bundle, "--request", request, "-o", stage.bundle)).code).toBe(2);
    expect(Buffer.compare(await readFile(stage.bundle), good)).toBe(0);
  });

  test("nothing is written to a file that is called -", async () => {
    expect((await run("verify", copy, "--damage", "-")).code).toBe(2);
    await damage(layout.size - 2000, Buffer.from("damage"));
    expect((await run("verify", copy, "--damage", request)).code).toBe(3);
    const { code, host } = await run("patch", stage.bundle, "--request", request, "-o", "-");
    expect(code).toBe(2);
    expect(host.stderr.text).toContain("one that is really called - is ./-");
  });

  test("a bundle that is called as a leftover of the patch would be is not lost", async () => {
    const bundle = `${patch}.partial`;
    await copyFile(stage.bundle, bundle);
    await damage(layout.size - 2000, Buffer.from("damage"));
    await run("verify", copy, "--damage", request);
    const { code, host } = await run("patch", bundle, "--request", request, "-o", patch);
    expect(code).toBe(2);
    expect(host.stderr.text).toContain("is read for it");
    expect((await readFile(bundle)).equals(good)).toBe(true);
    await rm(bundle);
  });

  test("bytes after the end are named, and cut off by a repair", async () => {
    await writeFile(copy, Buffer.concat([good, Buffer.from("more")]));
    const { code, host } = await run("verify", copy, "--damage", request);
    expect(code).toBe(3);
    expect(host.stderr.text).toContain(`truncate -s ${good.length}`);
    await damage(layer().position, Buffer.alloc(50, 1));
    await run("verify", copy, "--damage", request);
    await run("patch", stage.bundle, "--request", request, "-o", patch);
    expect((await run("repair", copy, "--with", patch)).code).toBe(0);
    expect(Buffer.compare(await readFile(copy), good)).toBe(0);
  });
});

describe("a bundle in parts", () => {
  let folder: string;
  const part = (number: number) => join(folder, `copy.tar.00${number}`);

  beforeEach(async () => {
    folder = stage.scene.folder.file(`parts-${Math.random()}`);
    await mkdir(folder);
    const third = Math.ceil(good.length / 3);
    for (const number of [1, 2, 3]) await writeFile(part(number), good.subarray((number - 1) * third, number * third));
  });

  async function writeVolumesFile(): Promise<void> {
    const { encodeVolumesFile, edgesOf } = await import("../../../src/bundle/volumes-file.js");
    const parts = [];
    for (const number of [1, 2, 3]) {
      const bytes = await readFile(part(number));
      parts.push({
        name: `copy.tar.00${number}`,
        size: bytes.length,
        sha256: digestOf(bytes).slice("sha256:".length),
        edges: await edgesOf(bytes.length, async (position, length) => bytes.subarray(position, position + length)),
      });
    }
    const set = digestOf(good.subarray(layout.index.position, layout.index.position + layout.index.size));
    await writeFile(
      join(folder, "copy.tar.volumes.json"),
      encodeVolumesFile({ set, size: good.length, partSize: Math.ceil(good.length / 3), parts }),
    );
  }

  async function joined(): Promise<Buffer> {
    return Buffer.concat(await Promise.all([1, 2, 3].map(async (number) => await readFile(part(number)))));
  }

  test("names the part that is damaged", async () => {
    await writeFile(part(3), (await readFile(part(3))).fill(1, 100, 200));
    const { code, host } = await run("verify", folder, "--quick", "--json");
    expect(code).toBe(3);
    const { damage: places } = (host.json as { result: { damage: { places: { file: string }[] }[] } }).result;
    expect(places.flatMap((place) => place.places.map(({ file }) => file))).toContain(part(3));
  });

  test.each([[1], [2], [3]])("is healed when part %i is missing", async (number) => {
    await writeVolumesFile();
    await rm(part(number));
    for (let round = 0; round < 2; round += 1) {
      if ((await run("verify", folder, "--damage", request)).code === 0) break;
      expect((await run("patch", stage.bundle, "--request", request, "-o", patch)).code).toBe(0);
      await run("repair", folder, "--with", patch);
    }
    expect(Buffer.compare(await joined(), good)).toBe(0);
    expect((await run("verify", folder)).code).toBe(0);
  });

  test("is healed when parts are cut off or damaged", async () => {
    await writeVolumesFile();
    await truncate(part(2), 1000);
    await writeFile(part(3), (await readFile(part(3))).fill(1, 0, 100));
    expect((await run("verify", folder, "--damage", request)).code).toBe(3);
    expect((await run("patch", stage.bundle, "--request", request, "-o", patch)).code).toBe(0);
    expect((await run("repair", folder, "--with", patch)).code).toBe(0);
    expect(Buffer.compare(await joined(), good)).toBe(0);
  });
});
