import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Digest } from "../../../src/oci/index.js";
import { openBundle } from "../../../src/operations/read/open-bundle.js";
import { noiseLayer, sampleImage } from "../../support/images.js";
import { MemorySource } from "../../support/memory-source.js";
import { pipeOf } from "../../support/pipe.js";
import { storeImage } from "../../support/store-image.js";
import { FakeHost } from "../fake-host.js";
import { Stage } from "../stage.js";

let stage: Stage;
let far: string;
let noise: Digest;

beforeAll(async () => {
  stage = await Stage.create();
  far = stage.scene.far.host;
  const layer = await noiseLayer(300_000, "cut");
  noise = layer.descriptor.digest;
  storeImage(stage.scene.near.storage, "team/noise", "1", sampleImage({ layers: [layer] }));
});

beforeEach(() => {
  stage.scene.near.restage();
  stage.scene.far.restage();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

const KEYS = { COSIGN_PASSWORD: "", SOURCE_DATE_EPOCH: "1767323045" };

async function exportPiped(host: FakeHost, ...more: string[]): Promise<number> {
  return await host.run("export", stage.app, stage.tiny, "-o", "-", "--key", stage.privateKey, ...more);
}

function hostReading(bytes: Uint8Array): FakeHost {
  const host = stage.host();
  pipeOf(bytes).pipe(host.stdin);
  return host;
}

/** All after the signature, which has a random part. */
async function entriesOf(bytes: Buffer): Promise<Buffer> {
  const { layout } = await openBundle(new MemorySource(bytes), stage.scene.keys.trust);
  return bytes.subarray(layout.entries[0]?.headerPosition);
}

describe("export -o -", () => {
  test("writes the bundle to standard output, what it says to standard error, and no file", async () => {
    const before = await readdir(stage.scene.folder.path);
    const host = stage.host(KEYS);
    expect(await exportPiped(host)).toBe(0);
    expect(host.stderr.text).toContain("Wrote the bundle to standard output with 2 images\n");
    expect(host.stderr.text).toContain("It arrived if the command that reads it says so, and not before.\n");
    expect(host.stderr.text).not.toContain("safe to remove");
    expect(await readdir(stage.scene.folder.path)).toEqual(before);

    const verified = hostReading(host.stdout.bytes);
    expect(await verified.run("verify", "-", "--key", stage.publicKey, "--deep")).toBe(0);
    expect(verified.stdout.text).toContain("the bundle on standard input is whole: the digests of all its ");
  });

  test("writes what would be in a file of that name", async () => {
    const host = stage.host(KEYS);
    await exportPiped(host);
    const inspected = hostReading(host.stdout.bytes);
    expect(await inspected.run("inspect", "-", "--json")).toBe(0);
    const { result } = inspected.json as { readonly result: { readonly index: object } };
    expect(result).toMatchObject({
      bundle: "-",
      fileSize: null,
      index: { identity: { stream: "pipe", previous: null } },
    });

    const output = stage.scene.folder.file("pipe.tar");
    const other = stage.host(KEYS);
    await other.run("export", stage.app, stage.tiny, "-o", output, "--key", stage.privateKey);
    const filed = stage.host();
    await filed.run("inspect", output, "--json");
    expect(filed.json).toMatchObject({ result: { index: result.index } });
    expect(await entriesOf(host.stdout.bytes)).toEqual(await entriesOf(await readFile(output)));
  });

  test("with --json and --quiet gives the result, and nothing else, on standard error", async () => {
    const host = stage.host(KEYS);
    expect(await exportPiped(host, "--json", "--quiet")).toBe(0);
    expect(JSON.parse(host.stderr.text)).toMatchObject({ ok: true, result: { bundle: "-" } });
    const refused = stage.host(KEYS);
    expect(await exportPiped(refused, "--json", "--quiet", "--platform", "plan9/mips")).toBe(4);
    expect(JSON.parse(refused.stderr.text)).toMatchObject({ ok: false, error: { code: "PLATFORM_NOT_FOUND" } });
    expect(refused.stdout.bytes).toHaveLength(0);
  });

  test("is refused at a terminal, before a password is asked for", async () => {
    const host = FakeHost.atTerminal({ HOME: stage.scene.folder.path });
    expect(await exportPiped(host)).toBe(2);
    expect(host.stderr.text).toContain(
      "expected standard output to be a pipe or a file with --output -, got a terminal",
    );
    expect(host.stderr.text).toContain("-o - | ssh HOST sealift import -");
    expect(host.stdout.text).toBe("");
  });

  test("ends with exit code 7 when nobody reads any more", async () => {
    const host = stage.host(KEYS);
    host.stdout.failure = Object.assign(new Error("broken pipe"), { code: "EPIPE", syscall: "write" });
    expect(await exportPiped(host)).toBe(7);
    expect(host.stderr.text).toMatch(/who reads it went away after 0 bytes \(EPIPE\) \[MEDIUM_FAILED, exit code 7\]/);
    expect(host.stderr.text).toContain("hint: see what the command behind the pipe says, and run both again");
  });

  test("that fails in the middle leaves the reader with what verify and import refuse", async () => {
    stage.scene.near.restage({ wrongBlobBytes: [noise] });
    const host = stage.host(KEYS);
    const image = `${stage.scene.near.host}/team/noise:1`;
    expect(await host.run("export", image, "-o", "-", "--key", stage.privateKey)).toBe(3);
    expect(host.stdout.bytes.length).toBeGreaterThan(200_000);

    expect(await hostReading(host.stdout.bytes).run("verify", "-", "--key", stage.publicKey)).toBe(3);
    const importing = hostReading(host.stdout.bytes);
    expect(await importing.run("import", "-", "--to", far, "--key", stage.publicKey)).toBe(3);
    expect(stage.scene.far.storage.tags("team/noise")).toEqual([]);
  });

  test("takes the list of images from standard input all the same", async () => {
    const host = stage.host(KEYS);
    host.stdin.end(`${stage.tiny}\n`);
    expect(await host.run("export", "--images", "-", "-o", "-", "--key", stage.privateKey)).toBe(0);
    expect(await hostReading(host.stdout.bytes).run("verify", "-", "--key", stage.publicKey)).toBe(0);
  });

  test("keeps its lock file", async () => {
    const lock = stage.scene.folder.file("sealift.lock");
    const host = stage.host(KEYS);
    expect(await exportPiped(host, "--lock", lock)).toBe(0);
    expect(await readFile(lock, "utf8")).toContain(stage.tiny);
  });
});

describe("import -", () => {
  test("sends what comes through the pipe, and says so", async () => {
    const host = stage.host(KEYS);
    await exportPiped(host);
    const importing = hostReading(host.stdout.bytes);
    expect(await importing.run("import", "-", "--to", far, "--key", stage.publicKey)).toBe(0);
    expect(importing.stdout.text).toContain(`Sent 2 images of the bundle on standard input to ${far}\n`);
    expect(stage.scene.far.storage.tags("library/tiny")).toEqual(["2"]);
  });

  test("ends with exit code 5 when one image failed", async () => {
    const host = stage.host(KEYS);
    await exportPiped(host);
    stage.scene.far.restage({
      refuses: [{ repository: "team/app", of: "manifests", status: 403, code: "DENIED", words: "no" }],
    });
    const importing = hostReading(host.stdout.bytes);
    expect(await importing.run("import", "-", "--to", far, "--key", stage.publicKey)).toBe(5);
    expect(importing.stderr.text).toContain(`${stage.app}: `);
  });
});

test.each([
  ["verify", []],
  ["inspect", []],
  ["import", ["--to", "registry.example"]],
])("%s - at a terminal is refused: nobody types a bundle", async (command, more) => {
  const host = FakeHost.atTerminal({ HOME: stage.scene.folder.path });
  expect(await host.run(command, "-", "--key", stage.publicKey, ...more)).toBe(2);
  expect(host.stderr.text).toContain("expected a bundle on standard input, got a terminal");
});
