import { lstat, mkdir, readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { IMAGES } from "../support/interop/images.js";
import { bytesOf, run, textOf } from "../support/interop/process.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

describeWith(["tar", "sha256sum"], "GNU tar and sha256sum", () => {
  const scene = useScene(async (opened) => {
    const bundle = opened.path("bundle.tar");
    await opened.sealift.export(bundle, opened.names("node", "docs", "multi", "docker"));
    await mkdir(opened.path("unpacked"));
    await textOf("tar", ["--extract", "--file", bundle, "--directory", opened.path("unpacked")]);
  });

  test("list the entries without a complaint, what names the content first", async () => {
    const listed = await run("tar", ["--list", "--file", scene().path("bundle.tar")]);

    expect(listed.stderr).toBe("");
    const entries = listed.stdout.toString().trim().split("\n");
    expect(entries.slice(0, 6)).toEqual([
      "sealift/bundle.json",
      "sealift/bundle.json.sig",
      "sealift/bundle.json.sigstore.json",
      "oci-layout",
      "index.json",
      "manifest.json",
    ]);
    expect(entries.at(-1)).toBe("sealift/chunks.xxh64");
    expect(entries.slice(6, -1).filter((entry) => !/^blobs\/sha256\/[0-9a-f]{64}$/.test(entry))).toEqual([]);
    expect(new Set(entries).size).toBe(entries.length);
  });

  test("find every blob to have the SHA-256 it is named by", async () => {
    const folder = scene().path("unpacked", "blobs", "sha256");
    const names = await readdir(folder);

    const sums = (await textOf("sha256sum", names, { cwd: folder })).split("\n");

    expect(sums).toEqual(names.map((name) => `${name}  ${name}`));
    for (const name of names) {
      expect((await lstat(scene().path("unpacked", "blobs", "sha256", name))).isFile()).toBe(true);
    }
  });

  test("unpack an OCI image layout that skopeo reads as a folder", async () => {
    const { near } = scene();
    for (const name of [IMAGES.node, IMAGES.docs, IMAGES.multi]) {
      const source = `oci:${scene().path("unpacked")}:${near.host}/${name}`;
      expect(await bytesOf("skopeo", ["inspect", "--raw", source])).toEqual(await near.rawManifest(name));
    }
  });
});
