import { createHash } from "node:crypto";
import { type FileHandle, mkdir, readdir, readFile, rename } from "node:fs/promises";
import { basename } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { noiseLayer, sampleImage } from "../../support/images.js";
import { storeImage } from "../../support/store-image.js";
import type { FakeHost } from "../fake-host.js";
import { Stage } from "../stage.js";

let stage: Stage;
/** An image whose layer takes three parts of 1 MB. */
let big: string;
let layerDigest: string;
/** What all file handles inherit their calls from, to have a medium fail on demand. */
let handles: FileHandle;

beforeEach(async () => {
  stage = await Stage.create();
  const layer = await noiseLayer(2_500_000, "big");
  layerDigest = layer.descriptor.digest;
  storeImage(stage.scene.near.storage, "team/big", "1", sampleImage({ layers: [layer] }));
  big = `${stage.scene.near.host}/team/big:1`;
  await mkdir(stage.scene.folder.file("media"));
  handles = await stage.scene.folder.fileHandles();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await stage[Symbol.asyncDispose]();
});

const output = () => stage.scene.folder.file("media/bundle.tar");

async function names(): Promise<string[]> {
  return (await readdir(stage.scene.folder.file("media"))).toSorted();
}

function runExport(host: FakeHost, ...rest: readonly string[]) {
  return host.run("export", big, "-o", output(), "--key", stage.privateKey, ...rest);
}

/** Runs after all was written and synced, and before it is read back. */
function beforeReadBack(change: (file: FileHandle) => Promise<void>): void {
  const sync = handles.sync;
  vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
    await sync.call(this);
    const stats = await this.stat();
    if (stats.isFile() && stats.size > 900_000) await change(this);
  });
}

const VOLUMES = [
  "bundle.tar.001",
  "bundle.tar.002",
  "bundle.tar.003",
  "bundle.tar.SHA256SUMS",
  "bundle.tar.volumes.json",
];

describe("export --volume-size", () => {
  test("writes parts whose cat is a bundle, with sums and a volumes file, and says what to do with them", async () => {
    const host = stage.host();
    expect(await runExport(host, "--volume-size", "1MB")).toBe(0);
    expect(await names()).toEqual(VOLUMES);
    expect(host.stdout.text).toContain(`Wrote ${output()}.001 to bundle.tar.003 with 1 image\n`);
    expect(host.stdout.text).toContain("  parts      3, of 999.9 kB (999,936 bytes)\n");
    expect(host.stdout.text).toContain("  sealift verify FOLDER... --key");
    expect(host.stdout.text).toContain("  sha256sum -c bundle.tar.SHA256SUMS\n");
    expect(host.stdout.text.endsWith("\n\ndone: safe to remove\n")).toBe(true);
    for (const line of (await readFile(`${output()}.SHA256SUMS`, "utf8")).trim().split("\n")) {
      const [sum, name] = line.split("  ");
      const bytes = await readFile(stage.scene.folder.file(`media/${name}`));
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(sum);
    }
  });

  test("gives what verify and import read, from one folder or from several sticks", async () => {
    expect(await runExport(stage.host(), "--volume-size", "1MB")).toBe(0);
    const media = stage.scene.folder.file("media");
    expect(await stage.host().run("verify", media, "--key", stage.publicKey)).toBe(0);
    const stick = stage.scene.folder.file("stick");
    await mkdir(stick);
    await rename(`${output()}.002`, `${stick}/bundle.tar.002`);
    expect(await stage.host().run("verify", stick, media, "--key", stage.publicKey)).toBe(0);
    const to = ["--to", stage.scene.far.host, "--key", stage.publicKey];
    expect(await stage.host().run("import", stick, media, ...to)).toBe(0);
  });

  test("--json has the parts with their sums, and whether the medium can be pulled", async () => {
    const host = stage.host();
    expect(await runExport(host, "--volume-size", "2MB", "--json")).toBe(0);
    expect(host.json).toMatchObject({
      result: {
        bundle: output(),
        safeToRemove: true,
        volumes: {
          partSize: 1_999_872,
          parts: [{ name: "bundle.tar.001", size: 1_999_872 }, { name: "bundle.tar.002" }],
        },
      },
    });
  });

  test("run again replaces the set, takes layers over from it, and leaves no stale part", async () => {
    expect(await runExport(stage.host(), "--volume-size", "1MB")).toBe(0);
    const { requests } = stage.scene.near;
    const before = requests.length;
    expect(await runExport(stage.host(), "--volume-size", "2MB")).toBe(0);
    expect(await names()).toEqual(VOLUMES.filter((name) => name !== "bundle.tar.003"));
    expect(requests.slice(before).filter(({ path }) => path.includes("/blobs/"))).toEqual([]);
    expect(await stage.host().run("verify", stage.scene.folder.file("media"), "--key", stage.publicKey)).toBe(0);
  });

  test("of many parts leaves no listener behind on the way, of which Node would warn", async () => {
    const layers = [await noiseLayer(12_500_000, "huge")];
    storeImage(stage.scene.near.storage, "team/big", "1", sampleImage({ layers }));
    const warned: Error[] = [];
    const listen = (warning: Error) => warned.push(warning);
    process.on("warning", listen);
    expect(await runExport(stage.host(), "--volume-size", "1MB")).toBe(0);
    process.off("warning", listen);
    expect((await names()).length).toBeGreaterThan(13);
    expect(warned).toEqual([]);
  });

  test.each([
    [["--volume-size", "1MB"], [], "bundle.tar.volumes.json"],
    [[], ["--volume-size", "1MB"], "bundle.tar"],
  ])("first with %j and then with %j is refused: both would lie there", async (first, second, there) => {
    expect(await runExport(stage.host(), ...first)).toBe(0);
    const before = await names();
    const host = stage.host();
    expect(await runExport(host, ...second)).toBe(2);
    expect(host.stderr.text).toContain(there);
    expect(host.stderr.text).toContain("move or delete the old one first");
    expect(await names()).toEqual(before);
  });

  test.each(["media", "media/", "media/.."])("to the folder %s is refused: parts would lie beside it", async (name) => {
    const host = stage.host();
    const folder = `${stage.scene.folder.path}/${name}`;
    expect(await host.run("export", big, "-o", folder, "--key", stage.privateKey, "--volume-size", "1MB")).toBe(2);
    expect(host.stderr.text).toContain("which is a folder");
    expect(await names()).toEqual([]);
  });

  test("gives a bundle whose name begins with two points", async () => {
    const path = stage.scene.folder.file("media/..b.tar");
    for (let run = 0; run < 2; run += 1) {
      const args = ["export", big, "-o", path, "--key", stage.privateKey, "--volume-size", "1MB"];
      expect(await stage.host().run(...args)).toBe(0);
    }
    expect(await stage.host().run("verify", stage.scene.folder.file("media"), "--key", stage.publicKey)).toBe(0);
  });

  test("of more than the whole bundle writes one part", async () => {
    const host = stage.host();
    expect(await runExport(host, "--volume-size", "fat32")).toBe(0);
    expect(await names()).toEqual(VOLUMES.filter((name) => !/00[23]$/.test(name)));
    expect(host.stdout.text).toContain(`Wrote ${output()}.001 with 1 image\n`);
  });

  test.each(["4G", "0", "12kB", "cd"])("%s is refused before anything is asked", async (size) => {
    const host = stage.host();
    expect(await runExport(host, "--volume-size", size)).toBe(2);
    expect(host.stderr.text).toContain("[USAGE, exit code 2]");
    expect(stage.scene.near.requests).toEqual([]);
  });

  test("stops before anything is asked where somebody's file has a part's name", async () => {
    await mkdir(`${output()}.002`);
    const host = stage.host();
    expect(await runExport(host, "--volume-size", "1MB")).toBe(2);
    expect(host.stderr.text).toContain(`bundle.tar.002" to be a part of an earlier export, or nothing`);
    expect(stage.scene.near.requests).toEqual([]);
    expect(await names()).toEqual(["bundle.tar.002"]);
  });
});

describe("export --verify-write", () => {
  test.each([[[]], [["--volume-size", "1MB"]]])(
    "reads back what was written, and says nothing more %j",
    async (more) => {
      const host = stage.host();
      expect(await runExport(host, "--verify-write", "--json", ...more)).toBe(0);
      // Not every folder for temporary files is on a medium that can be read by itself.
      expect((host.json as { result: object }).result).toHaveProperty(
        "readBackFrom",
        expect.stringMatching(/medium|memory/),
      );
    },
  );

  test("is not done without being asked for", async () => {
    const host = stage.host();
    expect(await runExport(host, "--json")).toBe(0);
    expect(host.json).toMatchObject({ result: { readBackFrom: null, volumes: null } });
  });

  test("names the part, its bytes and the layer that the medium has lost; nothing gets its name", async () => {
    let isFirst = true;
    beforeReadBack(async (file) => {
      if (!isFirst) return;
      isFirst = false;
      await file.write(Buffer.from("damage"), 0, 6, 500_000);
      await file.datasync();
    });
    const host = stage.host();
    expect(await runExport(host, "--verify-write", "--volume-size", "1MB")).toBe(7);
    expect(host.stderr.text).toContain("[MEDIUM_FAILED, exit code 7]");
    const damaged = /bytes (\d+) to (\d+) of "[^"]*bundle\.tar\.001\.partial" and .*\("blobs\/sha256\/[0-9a-f]{64}"\)/s;
    const [, from, to] = damaged.exec(host.stderr.text) ?? [];
    expect(Number(from)).toBeLessThan(500_000);
    expect(Number(to)).toBe(999_935);
    expect(host.stderr.text).toContain("hint: do not use this medium");
    // What the system remembers would look good to the next run.
    expect(await names()).toEqual([]);
  });

  test("leaves the bundle that was there", async () => {
    expect(await runExport(stage.host())).toBe(0);
    const before = await readFile(output());
    beforeReadBack(async (file) => {
      await file.truncate(1000);
    });
    expect(await runExport(stage.host(), "--verify-write")).toBe(7);
    expect((await readFile(output())).equals(before)).toBe(true);
    expect(await names()).toEqual([basename(output())]);
  });

  test("says aloud, even with --quiet, that the system may have given what it remembers", async () => {
    const read = handles.read as (...args: unknown[]) => Promise<unknown>;
    let isFirst = false;
    beforeReadBack(async () => {
      isFirst = true;
    });
    vi.spyOn(handles, "read").mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      const refuses = isFirst;
      isFirst = false;
      if (refuses) return Promise.reject(Object.assign(new Error(), { code: "EINVAL", syscall: "read" }));
      return read.apply(this, args) as never;
    });
    const host = stage.host();
    expect(await runExport(host, "--verify-write", "--quiet")).toBe(0);
    expect(host.stderr.text).toContain("perhaps from memory");
    expect(host.stderr.text).toContain("sealift verify");
  });

  test("has progress, and can be stopped, and then goes on without a download", async () => {
    const host = stage.host();
    host.stderr.on("text", () => {
      if (host.stderr.text.includes("Reading what was written")) host.emit("SIGINT");
    });
    expect(await runExport(host, "--verify-write", "--volume-size", "1MB")).toBe(130);
    expect(await names()).toContain("bundle.tar.003.partial");
    const before = stage.scene.near.requests.length;
    expect(await runExport(stage.host(), "--verify-write", "--volume-size", "1MB")).toBe(0);
    expect(await names()).toEqual(VOLUMES);
    const after = stage.scene.near.requests.slice(before);
    expect(after.filter(({ path }) => path.includes(layerDigest))).toEqual([]);
  });
});

describe("before anything is asked of a registry", () => {
  test.each([["--volume-size", "4GB"], ["--verify-write"]])("a stream is refused with %s", async (...options) => {
    const host = stage.host();
    expect(await host.run("export", big, "-o", "-", "--key", stage.privateKey, ...options)).toBe(2);
    expect(host.stderr.text).toContain(`expected --output to be a file with ${options[0]}, got a stream`);
    expect(stage.scene.near.requests).toEqual([]);
  });

  test.each([
    ["a folder that is missing", "none/bundle.tar", "FILE_NOT_FOUND"],
    ["a folder that is a file", "test.key/bundle.tar", "FILE_NOT_FOUND"],
  ])("%s stops the export", async (_what, place, code) => {
    const host = stage.host();
    const path = stage.scene.folder.file(place);
    expect(await host.run("export", big, "-o", path, "--key", stage.privateKey)).toBe(2);
    expect(host.stderr.text).toContain(`[${code}, exit code 2]`);
    expect(stage.scene.near.requests).toEqual([]);
  });
});
