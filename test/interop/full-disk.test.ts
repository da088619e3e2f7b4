import { mkdir, readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { textOf } from "../support/interop/process.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

describeWith(["mount"], "a medium without enough room", () => {
  const scene = useScene(async (opened) => {
    await mkdir(opened.path("medium"));
    // A third of what the base image needs.
    await textOf("mount", ["-t", "tmpfs", "-o", "size=32m", "tmpfs", opened.path("medium")]);
  });

  test("an export says so, ends with 7, and leaves nothing there", async () => {
    const { privateKey } = scene().sealift;
    const bundle = scene().path("medium", "bundle.tar");

    const exported = await scene().sealift.run("export", scene().name("base"), "--output", bundle, "--key", privateKey);

    expect(exported.code).toBe(7);
    expect(exported.stderr).toMatch(/space|room/);
    expect(await readdir(scene().path("medium"))).toEqual([]);
  });

  test("a merge says so, ends with 7, and leaves nothing there", async () => {
    const { sealift } = scene();
    const [first, delta] = [scene().path("first.tar"), scene().path("delta.tar")];
    const bundle = scene().path("medium", "bundle.tar");
    await sealift.export(first, scene().names("base"));
    await sealift.export(delta, scene().names("base", "multi"), "--since", first);

    const merged = await sealift.run("merge", first, delta, "--output", bundle, "--key", sealift.publicKey);

    expect(merged.code).toBe(7);
    expect(merged.stderr).toMatch(/space|room/);
    expect(await readdir(scene().path("medium"))).toEqual([]);
  });

  test("an image that fits is exported there", async () => {
    const bundle = scene().path("medium", "small.tar");

    await scene().sealift.export(bundle, scene().names("multi"));

    expect(await readdir(scene().path("medium"))).toEqual(["small.tar"]);
  });
});
