import { mkdir, readFile, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startRegistry } from "../../../src/registry-server/index.js";
import { noiseLayer, sampleImage } from "../../support/images.js";
import { cutAt, cutInto, setOf, writeFiles } from "../../support/media.js";
import { storeImage } from "../../support/store-image.js";
import { makeZip } from "../../support/zip.js";
import { FakeHost } from "../fake-host.js";
import { Stage } from "../stage.js";

let stage: Stage;
let bytes: Buffer;
let a: string;
let b: string;

beforeAll(async () => {
  stage = await Stage.create();
  const layers = [await noiseLayer(600_000, "large"), await noiseLayer(300_000, "small")];
  storeImage(stage.scene.near.storage, "team/noise", "1", sampleImage({ layers }));
  await stage.scene.export(["team/noise:1", "team/app:1.0"]);
  bytes = await readFile(stage.bundle);
});

beforeEach(async () => {
  a = stage.scene.folder.file("a");
  b = stage.scene.folder.file("b");
  for (const path of [a, b]) {
    await rm(path, { recursive: true, force: true });
    await mkdir(path);
  }
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

async function verify(host: FakeHost, ...operands: string[]): Promise<number> {
  return await host.run("verify", ...operands, "--key", stage.publicKey);
}

describe("a bundle in parts", () => {
  test("is verified in whatever folders they lie", async () => {
    const { "x.tar.002": second, ...rest } = await setOf("x.tar", cutInto(bytes, 400_000));
    await writeFiles(a, rest);
    await writeFiles(b, { "x.tar.002": second! });
    const host = stage.host();
    expect(await verify(host, a, b)).toBe(0);
    expect(host.stdout.text).toContain(`${a} ${b} is whole`);
    expect(host.stdout.text).toContain(`  sealift import ${a} ${b} --to REGISTRY`);
  });

  test("is verified however it was cut, with and without --deep", async () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.boolean(), async (positions, isDeep) => {
        await rm(a, { recursive: true });
        await writeFiles(
          a,
          await setOf(
            "x.tar",
            cutAt(
              bytes,
              positions.toSorted((x, y) => x - y),
            ),
            false,
          ),
        );
        expect(await verify(stage.host(), a, ...(isDeep ? ["--deep"] : []))).toBe(0);
      }),
      { numRuns: 8 },
    );
  });

  test("is imported and inspected", async () => {
    await writeFiles(a, await setOf("x.tar", cutInto(bytes, 400_000)));
    await using far = { server: await startRegistry(), [Symbol.asyncDispose]: () => far.server.close() };
    const host = stage.host();
    expect(await host.run("import", a, "--to", far.server.host, "--plain-http", "--key", stage.publicKey)).toBe(0);
    expect(far.server.storage.manifest("team/noise", "1")).toBeDefined();
    const inspecting = stage.host();
    expect(await inspecting.run("inspect", `${a}/x.tar.002`, "--key", stage.publicKey)).toBe(0);
    expect(inspecting.stdout.text).toContain("says that it holds 2 images");
  });

  test("with one missing says which, and where it was looked for", async () => {
    const { "x.tar.002": _second, ...rest } = await setOf("x.tar", cutInto(bytes, 400_000));
    await writeFiles(a, rest);
    const host = stage.host();
    expect(await verify(host, a, b)).toBe(7);
    expect(host.stderr.text).toContain(
      `sealift: expected part 2 of 3, "x.tar.002", in "${a}", "${b}", got no such file [VOLUME_MISSING, exit code 7]`,
    );
  });

  test("with the last one missing says which, even if nobody knows how many there are", async () => {
    const { "x.tar.003": _third, ...rest } = await setOf("x.tar", cutInto(bytes, 400_000), false);
    await writeFiles(a, rest);
    const host = stage.host();
    expect(await verify(host, a)).toBe(7);
    expect(host.stderr.text).toContain(`expected part 3, "x.tar.003", in "${a}", got no such file [VOLUME_MISSING`);
  });

  test("with damage in one names it", async () => {
    for (const withVolumes of [true, false]) {
      const parts = cutInto(bytes, 400_000).map((part) => Buffer.from(part));
      parts[1]!.writeUInt8(parts[1]!.readUInt8(100_000) ^ 1, 100_000);
      const set = await setOf("x.tar", cutInto(bytes, 400_000), withVolumes);
      await writeFiles(a, { ...set, "x.tar.002": parts[1]! });
      for (const argv of [["verify"], ["verify", "--deep"], ["import", "--to", stage.scene.far.host, "--plain-http"]]) {
        const host = stage.host();
        expect(await host.run(...argv, a, "--key", stage.publicKey)).toBe(3);
        expect(host.stderr.text).toMatch(/it lies in .*part 2 of 3, ".*x\.tar\.002"/);
        if (withVolumes) expect(host.stderr.text).not.toContain("x.tar.001");
      }
      await rm(`${a}/x.tar.volumes.json`, { force: true });
    }
  });

  test("with a header in another one's place names the part", async () => {
    const [first, second, third] = cutInto(bytes, 400_000);
    await writeFiles(a, { "x.tar.001": first!, "x.tar.002": Buffer.alloc(400_000, "x"), "x.tar.003": third! });
    const host = stage.host();
    expect(await verify(host, a)).toBe(3);
    expect(host.stderr.text).toContain("x.tar.002");
    await writeFiles(a, { "x.tar.001": second!, "x.tar.002": first! });
    const renamed = stage.host();
    expect(await verify(renamed, a)).toBe(3);
    expect(renamed.stderr.text).toMatch(/expected a Sealift bundle.* it lies in part 1 of 3, ".*x\.tar\.001"/);
  });
});

describe("a bundle in something else", () => {
  test.each(["store", "deflate"] as const)("is read in a ZIP (%s)", async (method) => {
    await writeFiles(a, { "upload.zip": makeZip([{ name: "in/x.tar", bytes, method }]) });
    const host = stage.host();
    expect(await verify(host, `${a}/upload.zip`, "--deep")).toBe(0);
    expect(host.stderr.text.includes("is packed: it is read once")).toBe(method === "deflate");
    const path = `${a}/upload.zip`;
    expect(
      await stage.host().run("import", path, "--to", stage.scene.far.host, "--plain-http", "--key", stage.publicKey),
    ).toBe(0);
    expect(await stage.host().run("inspect", path, "--key", stage.publicKey)).toBe(0);
  });

  test("that is damaged in a ZIP is told from a damaged ZIP", async () => {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(500_000) ^ 1, 500_000);
    const parts = cutInto(damaged, 400_000);
    const set = await setOf("x.tar", parts);
    const files = Object.entries(set).map(([name, part]) => ({ name, bytes: part, method: "deflate" as const }));
    await writeFiles(a, { "x.zip": makeZip(files) });
    const host = stage.host();
    expect(await verify(host, a)).toBe(3);
    expect(host.stderr.text).toMatch(/DIGEST_MISMATCH/);
    expect(host.stderr.text).toMatch(/it lies in .*part 2 of 3, "x\.tar\.002" in ".*x\.zip"/);
  });

  test("is read through gzip, with a note on what it costs", async () => {
    await writeFiles(a, { "x.tar.gz": gzipSync(bytes) });
    const host = stage.host();
    expect(await verify(host, `${a}/x.tar.gz`)).toBe(0);
    expect(host.stderr.text).toContain("is compressed as a whole (gzip): it is read once");
  });

  test("is read from standard input", async () => {
    const host = stage.host();
    Readable.from([bytes], { objectMode: false }).pipe(host.stdin);
    expect(await verify(host, "-")).toBe(0);
  });
});

describe("--volume-prompt", () => {
  async function verifyAsking(host: FakeHost, ...argv: string[]): Promise<number> {
    return await host.run("verify", a, "--volume-prompt", "--key", stage.publicKey, ...argv);
  }

  test("asks for one stick after the other, and says what is on a wrong one", async () => {
    const set = await setOf("x.tar", cutInto(bytes, 400_000));
    await writeFiles(a, { "x.tar.001": set["x.tar.001"]!, "x.tar.volumes.json": set["x.tar.volumes.json"]! });
    const host = FakeHost.atTerminal({ HOME: stage.scene.folder.path });
    const swap = async (after: string, name: string): Promise<void> => {
      await host.stderr.waitFor(after);
      host.stderr.text = "";
      await rm(a, { recursive: true });
      await writeFiles(a, { [name]: set[name]! });
      host.stdin.write("\r");
    };
    const code = verifyAsking(host);
    await swap(`"${a}" has part 1. Insert the medium with part 2 of 3, "x.tar.002", and press Enter: `, "x.tar.003");
    await swap(`"${a}" has part 3. Insert the medium with part 2 of 3`, "x.tar.002");
    await swap(`"${a}" has part 2. Insert the medium with part 3 of 3`, "x.tar.003");
    expect(await code).toBe(0);
    expect(host.stdout.text).toContain("is whole");
  });

  test("imports what is there before it asks", async () => {
    const set = await setOf("x.tar", cutInto(bytes, 400_000));
    await writeFiles(a, { "x.tar.001": set["x.tar.001"]!, "x.tar.002": set["x.tar.002"]! });
    await using far = { server: await startRegistry(), [Symbol.asyncDispose]: () => far.server.close() };
    const host = FakeHost.atTerminal({ HOME: stage.scene.folder.path });
    const options = ["--to", far.server.host, "--plain-http", "--volume-prompt", "--key", stage.publicKey];
    const code = host.run("import", a, ...options);
    await host.stderr.waitFor('"x.tar.003", and press Enter: ');
    const puts = far.server.requestLines().filter((line) => line.startsWith("PUT"));
    expect(puts.length).toBeGreaterThan(0);
    expect(puts.filter((line) => line.includes("/manifests/"))).toEqual([]);
    await writeFiles(a, { "x.tar.003": set["x.tar.003"]! });
    host.stdin.write("\r");
    expect(await code).toBe(0);
    expect(far.server.storage.manifest("team/noise", "1")).toBeDefined();
  });

  test.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("ends at once on %s, and the terminal is as before", async (_name, key) => {
    await writeFiles(a, { "x.tar.001": bytes.subarray(0, 400_000) });
    const host = FakeHost.atTerminal({ HOME: stage.scene.folder.path });
    const code = verifyAsking(host);
    await host.stderr.waitFor("and press Enter: ");
    host.stdin.write(key);
    expect(await code).toBe(130);
    expect(host.stdin.echo).toBe(true);
  });

  test("ends at once on SIGTERM", async () => {
    await writeFiles(a, { "x.tar.001": bytes.subarray(0, 400_000) });
    const host = FakeHost.atTerminal({ HOME: stage.scene.folder.path });
    const code = verifyAsking(host);
    await host.stderr.waitFor("and press Enter: ");
    host.emit("SIGTERM");
    expect(await code).toBe(130);
  });

  test("without a terminal fails at once", async () => {
    await writeFiles(a, { "x.tar.001": bytes.subarray(0, 400_000) });
    const host = stage.host();
    expect(await verifyAsking(host)).toBe(7);
    expect(host.stderr.text).toContain('expected part 2, "x.tar.002", in ');
  });

  test("has no questions where all is there", async () => {
    await writeFiles(a, await setOf("x.tar", cutInto(bytes, 400_000), false));
    expect(await verifyAsking(FakeHost.atTerminal({ HOME: stage.scene.folder.path }))).toBe(0);
  });
});
