import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { IMAGES, type ImageKind } from "../support/interop/images.js";
import { bytesOf, textOf } from "../support/interop/process.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

const KINDS = Object.keys(IMAGES) as ImageKind[];

// Looking for a name in index.json, skopeo 1.9 (Debian 12) passes over Docker's media types.
const OCI_KINDS = KINDS.filter((kind) => kind !== "docker");

describeWith([], "skopeo copy", () => {
  const scene = useScene(async (opened) => {
    await opened.sealift.export(opened.path("bundle.tar"), opened.names(...KINDS));
  });

  test.each(OCI_KINDS)("from oci-archive: with the registry's own bytes: %s", async (kind) => {
    const { near } = scene();
    const source = `oci-archive:${scene().path("bundle.tar")}:${scene().name(kind)}`;

    expect(await bytesOf("skopeo", ["inspect", "--raw", source])).toEqual(await near.rawManifest(IMAGES[kind]));
    // skopeo checks every digest on its way.
    await textOf("skopeo", ["copy", "--all", "--preserve-digests", source, `dir:${scene().path(`oci-${kind}`)}`]);
  });

  // This path rebuilds the manifest around the uncompressed layers; the config, and with it the image's ID, stays.
  test.each(KINDS)("from docker-archive: with the same config: %s", async (kind) => {
    const source = `docker-archive:${scene().path("bundle.tar")}:${scene().name(kind)}`;
    const folder = scene().path(`docker-${kind}`);

    await textOf("skopeo", ["copy", source, `dir:${folder}`]);

    const config = await scene().near.configDigest(IMAGES[kind]);
    expect(await readdir(folder)).toContain(config.slice("sha256:".length));
  });
});
