import { mkdir, rename } from "node:fs/promises";
import { expect, test } from "vitest";
import { textOf } from "../support/interop/process.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

describeWith(["zip", "gzip", "zstd", "split"], "what portals and people make of a bundle", () => {
  const scene = useScene(async (opened) => {
    await opened.sealift.export(opened.path("bundle.tar"), opened.names("multi", "docker"));
  });

  async function pack(command: string, ...args: readonly string[]): Promise<void> {
    await textOf(command, args, { cwd: scene().path() });
  }

  async function verify(...names: readonly string[]) {
    const paths = names.map((name) => scene().path(name));
    return await scene().sealift.run("verify", ...paths, "--key", scene().sealift.publicKey);
  }

  test.each([
    ["stored", ["-0"], ""],
    ["deflated", ["-6"], "is packed: it is read once"],
    ["Zip64, stored", ["-0", "-fz"], ""],
    ["Zip64, deflated", ["-6", "-fz"], "is packed: it is read once"],
  ])("a ZIP: %s", async (name, options, note) => {
    await pack("zip", "-q", ...options, `${name}.zip`, "bundle.tar");

    const verified = await verify(`${name}.zip`);

    expect(verified.code, verified.stderr).toBe(0);
    expect(verified.stderr).toContain(note);
  });

  test("a ZIP that was written to a pipe", async () => {
    await pack("sh", "-c", "zip -q - bundle.tar | cat > piped.zip");
    expect((await verify("piped.zip")).code).toBe(0);
  });

  test("an encrypted ZIP is refused, and so is a split one", async () => {
    await pack("zip", "-q", "-P", "secret", "locked.zip", "bundle.tar");
    const locked = await verify("locked.zip");
    expect(locked.code).toBe(3);
    expect(locked.stderr).toContain("got it encrypted");

    await pack("zip", "-q", "-0", "-s", "64k", "split.zip", "bundle.tar");
    const split = await verify("split.zip");
    expect(split.code).toBe(3);
    expect(split.stderr).toContain("got a part of a split one");
  });

  test("parts that split made, some of them in a ZIP", async () => {
    await mkdir(scene().path("a"), { recursive: true });
    await mkdir(scene().path("b"), { recursive: true });
    await pack("split", "--numeric-suffixes=1", "--suffix-length=3", "--number=5", "bundle.tar", "a/bundle.tar.");
    await pack("zip", "-q", "-j", "-m", "b/upload.zip", "a/bundle.tar.002", "a/bundle.tar.004");
    await rename(scene().path("a", "bundle.tar.005"), scene().path("b", "bundle.tar.005"));

    const verified = await verify("a", "b");

    expect(verified.code, verified.stderr).toBe(0);
    expect((await verify("a")).code).toBe(7);
  });

  test.each([
    ["gzip", ["gzip", "--keep", "--stdout"]],
    ["zstd", ["zstd", "--quiet", "--stdout"]],
    ["zstd with a long window", ["zstd", "--quiet", "--long=24", "--stdout"]],
  ])("a bundle that was compressed as a whole: %s", async (name, [command = "", ...args]) => {
    await pack("sh", "-c", `${[command, ...args].join(" ")} bundle.tar > "${name}"`);

    const verified = await verify(name);

    expect(verified.code, verified.stderr).toBe(0);
    expect(verified.stderr).toContain("is compressed as a whole");
  });
});
