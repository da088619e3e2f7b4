import { expect, test } from "vitest";
import { IMAGES, type ImageKind } from "../support/interop/images.js";
import { Podman } from "../support/interop/podman.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

const KINDS: readonly ImageKind[] = ["base", "node", "docs", "twenty", "multi", "zstd", "plain", "docker"];

describeWith(["podman"], "podman load", () => {
  const scene = useScene();

  test("loads every image under its full name, with the ID its config gives it", async () => {
    const bundle = scene().path("bundle.tar");
    await scene().sealift.export(bundle, scene().names(...KINDS));
    const podman = await Podman.in(scene().path("podman"));

    await podman.podman(["load", "--input", bundle]);

    const ids = await podman.idsByName();
    expect([...ids.keys()].sort()).toEqual([...scene().names(...KINDS)].sort());
    for (const kind of KINDS) {
      expect(ids.get(scene().name(kind)), kind).toBe(await scene().near.configDigest(IMAGES[kind]));
    }
  });

  // podman reads a tar with one image as an OCI archive, and one with several as a Docker archive.
  test.each(["twenty", "multi", "zstd", "plain", "docker"] as const)(
    "loads an image that is alone: %s",
    async (kind) => {
      const bundle = scene().path(`${kind}.tar`);
      await scene().sealift.export(bundle, scene().names(kind));
      const podman = await Podman.in(scene().path(`podman-${kind}`));

      await podman.podman(["load", "--input", bundle]);

      const id = await scene().near.configDigest(IMAGES[kind]);
      expect(await podman.idsByName()).toEqual(new Map([[scene().name(kind), id]]));
    },
  );

  // Only the index that OCI readers believe can name an image by its digest.
  test("loads an image without a tag that is alone by its digest", async () => {
    const { name, id } = await scene().untagged();
    const bundle = scene().path("untagged.tar");
    await scene().sealift.export(bundle, [name]);
    const podman = await Podman.in(scene().path("untagged"));

    await podman.podman(["load", "--input", bundle]);

    expect(await podman.idsByName()).toEqual(new Map([[name, id]]));
  });

  test("loads an image without a tag that is beside others by its ID", async () => {
    const { name, id } = await scene().untagged();
    const bundle = scene().path("mixed.tar");
    await scene().sealift.export(bundle, [name, scene().name("twenty")]);
    const podman = await Podman.in(scene().path("mixed"));

    await podman.podman(["load", "--input", bundle]);

    expect(await podman.ids()).toContain(id);
    expect([...(await podman.idsByName()).keys()]).toEqual([scene().name("twenty")]);
  });
});
