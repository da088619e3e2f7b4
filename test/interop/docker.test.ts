import { open, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { Dockerd } from "../support/interop/dockerd.js";
import { IMAGES, type ImageKind } from "../support/interop/images.js";
import { sha256 } from "../support/interop/process.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

// Docker unpacks zstd since version 23; Debian 12 has 20.10.
const KINDS: readonly ImageKind[] = ["base", "node", "docs", "twenty", "multi", "plain", "docker"];

describeWith(["dockerd", "docker"], "docker load", () => {
  let dockerd: Dockerd;
  const scene = useScene(async (opened) => {
    await opened.sealift.export(opened.path("bundle.tar"), opened.names(...KINDS));
    dockerd = opened.use(await Dockerd.start(opened.path("docker")));
  });

  test("loads every image under its full name, with the ID its config gives it", async () => {
    await dockerd.docker(["load", "--input", scene().path("bundle.tar")]);

    const listed = await dockerd.docker(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    expect(listed.split("\n").sort()).toEqual([...scene().names(...KINDS)].sort());
    for (const kind of KINDS) {
      const id = await dockerd.docker(["image", "inspect", "--format", "{{.Id}}", scene().name(kind)]);
      expect(id, kind).toBe(await scene().near.configDigest(IMAGES[kind]));
    }
  });

  test.each<[string, readonly ImageKind[]]>([
    ["alone", []],
    ["beside one that has a tag", ["plain"]],
  ])("loads an image without a tag by its ID, and gives it no name: %s", async (_how, others) => {
    const { name, id } = await scene().untagged();
    const bundle = scene().path("untagged.tar");
    await scene().sealift.export(bundle, [name, ...scene().names(...others)]);
    expect(await dockerd.docker(["images", "--all", "--quiet", "--no-trunc"])).not.toContain(id);

    await dockerd.docker(["load", "--input", bundle]);

    expect(await dockerd.docker(["image", "inspect", "--format", "{{.Id}} {{.RepoTags}}", id])).toBe(`${id} []`);
    await dockerd.docker(["image", "rm", id]);
  });

  test("loads from standard input", async () => {
    await dockerd.docker(["image", "rm", scene().name("twenty")]);
    await using bundle = await open(scene().path("bundle.tar"));

    const said = await dockerd.docker(["load"], { stdin: bundle.fd });

    expect(said).toContain(`Loaded image: ${scene().name("twenty")}`);
  });

  test("loads what comes through a pipe straight from export", async () => {
    await dockerd.docker(["image", "rm", scene().name("twenty")]);
    const { pipe, code } = scene().sealift.exportPiped([scene().name("twenty")]);

    const said = await dockerd.docker(["load"], { stdin: pipe });

    expect(await code).toBe(0);
    expect(said).toContain(`Loaded image: ${scene().name("twenty")}`);
  });

  test("gives the files that went in", async () => {
    // A container that is never started is the way to an image's files.
    const container = await dockerd.docker(["create", scene().name("node"), "true"]);
    const copy = scene().path("node");

    await dockerd.docker(["cp", `${container}:/usr/local/bin/node`, copy]);

    expect(sha256(await readFile(copy))).toBe(sha256(await readFile(process.execPath)));
  });
});
