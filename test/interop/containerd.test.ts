import { expect, test } from "vitest";
import { Containerd } from "../support/interop/containerd.js";
import { IMAGES, type ImageKind } from "../support/interop/images.js";
import { sha256 } from "../support/interop/process.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

const KINDS = Object.keys(IMAGES) as ImageKind[];

describeWith(["containerd", "ctr"], "ctr images import", () => {
  let containerd: Containerd;
  const scene = useScene(async (opened) => {
    await opened.sealift.export(opened.path("bundle.tar"), opened.names(...KINDS));
    containerd = opened.use(await Containerd.start(opened.path("containerd")));
  });

  test("imports every image under its full name and with the registry's digest", async () => {
    await containerd.ctr(["images", "import", "--snapshotter", "native", scene().path("bundle.tar")]);

    const listed = await containerd.ctr(["images", "ls"]);
    const rows = listed.split("\n").map((line) => line.split(/\s+/));
    const digestByName = new Map(rows.slice(1).map(([name, _type, digest]) => [name, digest]));
    expect([...digestByName.keys()].sort()).toEqual([...scene().names(...KINDS)].sort());
    for (const kind of KINDS) {
      const raw = await scene().near.rawManifest(IMAGES[kind]);
      expect(digestByName.get(scene().name(kind)), kind).toBe(sha256(raw));
    }
  });

  test("imports all platforms of an index that is whole", async () => {
    const bundle = scene().path("multi.tar");
    await scene().sealift.export(bundle, scene().names("multi"));

    await containerd.ctr(["--namespace", "all", "images", "import", "--all-platforms", "--no-unpack", bundle]);

    const checked = await containerd.ctr(["--namespace", "all", "images", "check"]);
    expect(checked).toContain("complete");
  });
});
