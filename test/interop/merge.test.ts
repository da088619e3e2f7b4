import { expect, test } from "vitest";
import { Containerd } from "../support/interop/containerd.js";
import { Dockerd } from "../support/interop/dockerd.js";
import { IMAGES, type ImageKind } from "../support/interop/images.js";
import { sha256 } from "../support/interop/process.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

const FIRST_WEEK: readonly ImageKind[] = ["base", "multi"];
const SECOND_WEEK: readonly ImageKind[] = ["base", "node", "docs", "multi"];

describeWith(["dockerd", "docker", "containerd", "ctr"], "a delta that was merged", () => {
  let dockerd: Dockerd;
  let containerd: Containerd;
  const scene = useScene(async (opened) => {
    const { sealift } = opened;
    const [first, delta] = [opened.path("first.tar"), opened.path("delta.tar")];
    await sealift.export(first, opened.names(...FIRST_WEEK));
    await sealift.export(delta, opened.names(...SECOND_WEEK), "--since", first);
    await sealift.must("merge", first, delta, "--output", opened.path("merged.tar"), "--key", sealift.publicKey);
    dockerd = opened.use(await Dockerd.start(opened.path("docker")));
    containerd = opened.use(await Containerd.start(opened.path("containerd")));
  });

  test("is loaded by docker load, which the delta itself is not", async () => {
    const delta = dockerd.docker(["load", "--input", scene().path("delta.tar")]);
    await expect(delta).rejects.toThrow();

    await dockerd.docker(["load", "--input", scene().path("merged.tar")]);

    const listed = await dockerd.docker(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    expect(listed.split("\n").sort()).toEqual([...scene().names(...SECOND_WEEK)].sort());
    for (const kind of SECOND_WEEK) {
      const id = await dockerd.docker(["image", "inspect", "--format", "{{.Id}}", scene().name(kind)]);
      expect(id, kind).toBe(await scene().near.configDigest(IMAGES[kind]));
    }
  });

  test("is imported by ctr with the registry's digests, and is complete", async () => {
    await containerd.ctr(["images", "import", "--no-unpack", "--all-platforms", scene().path("merged.tar")]);

    const listed = await containerd.ctr(["images", "ls"]);
    const rows = listed.split("\n").map((line) => line.split(/\s+/));
    const digestByName = new Map(rows.slice(1).map(([name, _type, digest]) => [name, digest]));
    for (const kind of SECOND_WEEK) {
      expect(digestByName.get(scene().name(kind)), kind).toBe(sha256(await scene().near.rawManifest(IMAGES[kind])));
    }
    expect(await containerd.ctr(["images", "check"])).not.toContain("incomplete");
  });

  test("verifies under the delta's own signature, every layer unpacked", async () => {
    const { sealift } = scene();
    const said = await sealift.must("verify", scene().path("merged.tar"), "--deep", "--key", sealift.publicKey);
    expect(said).toContain("is whole");
  });
});
