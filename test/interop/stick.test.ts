import { existsSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { run, textOf } from "../support/interop/process.js";
import { useScene } from "../support/interop/scene.js";
import { mountableKinds, Stick, type StickKind } from "../support/interop/stick.js";
import { describeWith } from "../support/interop/tools.js";

const mountable = await mountableKinds();

const KINDS: readonly { readonly kind: StickKind; readonly make: string }[] = [
  { kind: "ext4", make: "mkfs.ext4" },
  { kind: "vfat", make: "mkfs.vfat" },
  { kind: "exfat", make: "mkfs.exfat" },
];

for (const { kind, make } of KINDS) {
  if (mountable.has(kind)) describeWith(["mount", make], `a stick with ${kind}`, () => stickTests(kind));
  else describe.skip(`a stick with ${kind} (skipped: this kernel has no driver for it)`, () => stickTests(kind));
}

function stickTests(kind: StickKind): void {
  let stick: Stick;
  const scene = useScene(async (opened) => {
    await mkdir(opened.path("stick"));
    stick = await Stick.plugIn(kind, opened.path("stick.img"), opened.path("stick"), "400M");
  });
  const bundle = () => join(stick.folder, "bundle.tar");
  const runExport = (...options: readonly string[]) => {
    const { privateKey } = scene().sealift;
    return scene().sealift.run("export", scene().name("base"), "-o", bundle(), "--key", privateKey, ...options);
  };

  test("is written once, and read back from the device when asked to", async () => {
    const before = await stick.traffic();
    const plain = await runExport();
    expect(plain.code, plain.stderr).toBe(0);
    expect(plain.stdout.toString().endsWith("done: safe to remove\n")).toBe(true);
    const { size } = await stat(bundle());
    const afterPlain = await stick.traffic();
    // A tenth is for the file system's own tables.
    expect(afterPlain.written - before.written).toBeLessThan(size * 1.1);
    expect(afterPlain.read - before.read).toBeLessThan(size * 0.1);
    await rm(bundle());

    const checked = await runExport("--verify-write", "--json");
    expect(checked.code, checked.stderr).toBe(0);
    const afterChecked = await stick.traffic();
    expect(afterChecked.read - afterPlain.read).toBeGreaterThanOrEqual(size);
    expect(afterChecked.written - afterPlain.written).toBeLessThan(size * 1.1);
    expect(JSON.parse(checked.stdout.toString())).toMatchObject({
      result: { readBackFrom: "medium", safeToRemove: true },
    });
    await rm(bundle());
  });

  test("takes volumes that sha256sum finds whole, that cat puts together, and that verify reads", async () => {
    const exported = await runExport("--volume-size", "20MB", "--verify-write");
    expect(exported.code, exported.stderr).toBe(0);
    expect((await stick.names()).length).toBeGreaterThan(4);

    expect(
      await textOf("sha256sum", ["--check", "--strict", "bundle.tar.SHA256SUMS"], { cwd: stick.folder }),
    ).toContain("bundle.tar.volumes.json: OK");
    await textOf("sh", ["-c", `cat '${stick.folder}'/bundle.tar.[0-9]* > '${scene().path("whole.tar")}'`]);
    for (const path of [stick.folder, scene().path("whole.tar")]) {
      const verified = await scene().sealift.run("verify", path, "--key", scene().sealift.publicKey);
      expect(verified.code, verified.stderr).toBe(0);
    }
  });

  test("that is write-protected is refused before anything is asked of the registry, and ends with 7", async () => {
    const before = await stick.names();
    await stick.protect(true);
    try {
      const exported = await runExport("--volume-size", "fat32");
      expect(exported.code).toBe(7);
      expect(exported.stderr).toContain("the medium is read-only (EROFS) [MEDIUM_FAILED, exit code 7]");
      expect(exported.stderr).not.toContain("Reading the manifests");
    } finally {
      await stick.protect(false);
    }
    expect(await stick.names()).toEqual(before);
  });

  test("that has not enough room is refused before a layer is asked for, and what is there stays", async () => {
    const before = await stick.names();
    const { bavail, bsize } = await free(stick.folder);
    await textOf("fallocate", ["--length", String(bavail * bsize - 10_000_000), join(stick.folder, "filler")]).catch(
      () =>
        textOf("dd", [
          "if=/dev/zero",
          `of=${join(stick.folder, "filler")}`,
          "bs=1M",
          `count=${Math.floor((bavail * bsize) / 2 ** 20) - 10}`,
        ]),
    );
    const exported = await runExport("--volume-size", "20MB");
    expect(exported.code).toBe(7);
    expect(exported.stderr).toContain("[NO_SPACE, exit code 7]");
    await rm(join(stick.folder, "filler"));
    expect(await stick.names()).toEqual(before);
    await textOf("sha256sum", ["--check", "--quiet", "bundle.tar.SHA256SUMS"], { cwd: stick.folder });
  });
}

async function free(folder: string): Promise<{ readonly bavail: number; readonly bsize: number }> {
  const [bavail = 0, bsize = 0] = (await textOf("stat", ["--file-system", "--format", "%a %S", folder]))
    .split(" ")
    .map(Number);
  return { bavail, bsize };
}

describeWith(["mount"], "a medium that is filled while it is written", () => {
  const scene = useScene(async (opened) => {
    await mkdir(opened.path("medium"));
    await textOf("mount", ["-t", "tmpfs", "-o", "size=400m", "tmpfs", opened.path("medium")]);
  });

  test.each([
    ["a file", []],
    ["volumes", ["--volume-size", "20MB"]],
  ])("leaves nothing of %s, says so, and ends with 7", async (_what, options) => {
    const medium = scene().path("medium");
    const { privateKey } = scene().sealift;
    const running = scene().sealift.run(
      ...["export", scene().name("base"), "-o", join(medium, "bundle.tar"), "--key", privateKey, ...options],
    );
    const begun = () => ["bundle.tar.partial", "bundle.tar.001.partial"].some((name) => existsSync(join(medium, name)));
    while (!begun()) await new Promise((resolve) => setTimeout(resolve, 2));
    // As if somebody else had taken the room: tmpfs can be made smaller while it is in use.
    for (const size of [10, 20, 30, 40, 50]) {
      if ((await run("mount", ["-o", `remount,size=${size}m`, medium])).code === 0) break;
    }
    const exported = await running;
    await textOf("mount", ["-o", "remount,size=400m", medium]);

    expect(exported.code, exported.stderr).toBe(7);
    expect(exported.stderr).toContain("[NO_SPACE, exit code 7]");
    expect(await readdir(medium)).toEqual([]);
  });
});
