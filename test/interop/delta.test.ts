import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { IMAGES } from "../support/interop/images.js";
import { bytesOf, textOf } from "../support/interop/process.js";
import { Registry } from "../support/interop/registry.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

interface Printed {
  readonly result: {
    readonly size: number;
    readonly delta?: { readonly blobs: number; readonly bytes: number };
    readonly blobs: { readonly transferred: number; readonly mounted: number; readonly copied: number };
  };
}

describeWith([], "a delta week between two docker-registries", () => {
  const scene = useScene(async (opened) => {
    await opened.sealift.export(opened.path("week1.tar"), opened.names("base", "multi"));
  });

  const run = async (...args: readonly string[]): Promise<Printed["result"]> => {
    return (JSON.parse(await scene().sealift.must(...args, "--json")) as Printed).result;
  };
  const exportDelta = (bundle: string, ...since: readonly string[]): Promise<Printed["result"]> => {
    const files = since.flatMap((file) => ["--since", file]);
    const images = scene().names("node", "docs");
    return run("export", ...images, "-o", scene().path(bundle), "--key", scene().sealift.privateKey, ...files);
  };
  const importTo = (to: string, bundle: string, ...more: readonly string[]): Promise<Printed["result"]> => {
    return run("import", scene().path(bundle), "--to", to, "--key", scene().sealift.publicKey, ...more);
  };
  const digestOf = async (host: string, name: string): Promise<string> => {
    const reference = `docker://${host}/${name}`;
    return await textOf("skopeo", ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", reference]);
  };
  const expectArrived = async (host: string, prefix = ""): Promise<void> => {
    for (const kind of ["node", "docs"] as const) {
      expect(await digestOf(host, `${prefix}${IMAGES[kind]}`)).toBe(await digestOf(scene().near.host, IMAGES[kind]));
      // skopeo checks every digest on its way.
      const source = `docker://${host}/${prefix}${IMAGES[kind]}`;
      const destination = `dir:${scene().path(`pulled-${kind}-${Date.now()}`)}`;
      await textOf("skopeo", ["copy", "--preserve-digests", "--src-tls-verify=false", source, destination]);
    }
  };

  test("full, import, delta, import: what was left out is mounted, and every digest is the near side's", async () => {
    const far = scene().use(await Registry.start(scene().path("far")));
    await importTo(`${far.host}/mirror`, "week1.tar");
    const made = await exportDelta("week2.tar", scene().path("week1.tar"));
    expect(made.delta?.blobs).toBe(1);
    // The whole Debian below both images is not in it.
    expect(made.delta?.bytes).toBeGreaterThan(10_000_000);

    await scene().sealift.must("verify", scene().path("week2.tar"), "--key", scene().sealift.publicKey, "--deep");
    const foretold = await importTo(`${far.host}/mirror`, "week2.tar", "--dry-run");
    const { blobs } = await importTo(`${far.host}/mirror`, "week2.tar");
    expect(blobs).toEqual(foretold.blobs);
    expect(blobs).toMatchObject({ mounted: 2, copied: 0 });
    await expectArrived(far.host, "mirror/");
  });

  test("where the base is not there, nothing is sent, and it is named", async () => {
    const far = scene().use(await Registry.start(scene().path("empty")));
    await exportDelta("alone.tar", scene().path("week1.tar"));
    const { sealift } = scene();
    const args = ["import", scene().path("alone.tar"), "--to", far.host, "--key", sealift.publicKey];
    const { code, stderr } = await sealift.run(...args);
    expect(code).toBe(4);
    expect(stderr).toContain("the bundle week1, serial ");
    expect(await far.tags()).toEqual([]);
  });

  test("the index alone is enough for the near side", async () => {
    const far = scene().use(await Registry.start(scene().path("by-index")));
    const index = scene().path("week1.json");
    await writeFile(index, await bytesOf("tar", ["-xOf", scene().path("week1.tar"), "sealift/bundle.json"]));
    expect((await exportDelta("by-index.tar", index)).delta?.blobs).toBe(1);
    await importTo(far.host, "week1.tar");
    await importTo(far.host, "by-index.tar");
    await expectArrived(far.host);
  });

  test("an inventory of the far side is enough, whoever filled it", async () => {
    const far = scene().use(await Registry.start(scene().path("by-inventory")));
    const copy = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests"];
    await textOf("skopeo", [...copy, `docker://${scene().name("base")}`, `docker://${far.host}/debian:12`]);
    const inventory = scene().path("inventory.json");
    await scene().sealift.must("inventory", far.host, "-o", inventory);
    expect((await exportDelta("by-inventory.tar", inventory)).delta?.blobs).toBe(1);
    const { blobs } = await importTo(far.host, "by-inventory.tar");
    expect(blobs.mounted).toBe(2);
    await expectArrived(far.host);
  });
});
