import { expect, test } from "vitest";
import { flipLastLayerByte } from "../support/interop/bundle-file.js";
import { IMAGES, type ImageKind } from "../support/interop/images.js";
import { textOf } from "../support/interop/process.js";
import { Registry } from "../support/interop/registry.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

const KINDS = Object.keys(IMAGES) as ImageKind[];

interface BlobCounts {
  readonly transferred: number;
  readonly mounted: number;
  readonly present: number;
}

describeWith([], "from one docker-registry to another", () => {
  const scene = useScene(async (opened) => {
    await opened.sealift.export(opened.path("all.tar"), opened.names(...KINDS), "--concurrency", "3");
  });

  const startFar = async (name: string): Promise<Registry> => scene().use(await Registry.start(scene().path(name)));
  const importArguments = (bundle: string, to: string): readonly string[] => {
    return ["import", scene().path(bundle), "--to", to, "--key", scene().sealift.publicKey];
  };

  const blobCounts = async (...args: readonly string[]): Promise<BlobCounts> => {
    const printed = JSON.parse(await scene().sealift.must(...args, "--json")) as { result: { blobs: BlobCounts } };
    return printed.result.blobs;
  };

  test("every image arrives with its own bytes and tag, and every blob of it can be pulled", async () => {
    const { near, sealift } = scene();
    const far = await startFar("far");

    await sealift.must("verify", scene().path("all.tar"), "--key", sealift.publicKey, "--deep");
    await sealift.must(...importArguments("all.tar", far.host));

    expect(await far.tags()).toEqual(await near.tags());
    for (const name of await near.tags()) {
      expect((await far.rawManifest(name)).equals(await near.rawManifest(name)), name).toBe(true);
    }
    for (const kind of KINDS) {
      const source = `docker://${far.host}/${IMAGES[kind]}`;
      const destination = `dir:${scene().path(`pulled-${kind}`)}`;
      // skopeo checks every digest on its way.
      await textOf("skopeo", ["copy", "--all", "--preserve-digests", "--src-tls-verify=false", source, destination]);
    }
  });

  test("a blob is sent once, mounted where another repository has it, and never sent again", async () => {
    const { near } = scene();
    const far = await startFar("twice");

    const first = await blobCounts(...importArguments("all.tar", far.host));
    const second = await blobCounts(...importArguments("all.tar", far.host));

    expect(first.mounted).toBeGreaterThan(0);
    expect(second).toMatchObject({ transferred: 0, mounted: 0, present: first.transferred + first.mounted });
    expect(await far.tags()).toEqual(await near.tags());
  });

  test("below a prefix, the images keep their paths and digests", async () => {
    const { near, sealift } = scene();
    const far = await startFar("prefix");

    await sealift.must(...importArguments("all.tar", `${far.host}/mirror/of/near`));

    const expected = (await near.tags()).map((name) => `mirror/of/near/${name}`);
    expect(await far.tags()).toEqual(expected);
    expect(await far.rawManifest(`mirror/of/near/${IMAGES.multi}`)).toEqual(await near.rawManifest(IMAGES.multi));
  });

  test("a dry run sends nothing, and foretells what the import sends", async () => {
    const far = await startFar("dry");
    const args = importArguments("all.tar", far.host);

    const foretold = await blobCounts(...args, "--dry-run");
    expect(await far.tags()).toEqual([]);

    expect(await blobCounts(...args)).toEqual(foretold);
  });

  test("a bundle with one wrong byte in its last layer tags nothing", async () => {
    const { sealift } = scene();
    const far = await startFar("damaged");
    await flipLastLayerByte(scene().path("all.tar"), scene().path("damaged.tar"));

    const verified = await sealift.run("verify", scene().path("damaged.tar"), "--key", sealift.publicKey);
    const imported = await sealift.run(...importArguments("damaged.tar", far.host));

    expect(verified.code).toBe(3);
    expect(imported.code).toBe(3);
    expect(await far.tags()).toEqual([]);
  });

  test("an image by its digest arrives under that digest", async () => {
    const { near, sealift } = scene();
    const far = await startFar("digest");
    const digest = await near.childDigest(IMAGES.multi, "arm64");
    const name = `team/multi@${digest}`;

    await sealift.export(scene().path("digest.tar"), [`${near.host}/${name}`]);
    await sealift.must(...importArguments("digest.tar", far.host));

    expect(await far.rawManifest(name)).toEqual(await near.rawManifest(name));
  });

  // distribution takes an index only with every child of it: an import says so, and does not rewrite the index.
  test("an index with one platform fails where the registry wants it whole, and the other images arrive", async () => {
    const { sealift } = scene();
    const far = await startFar("platform");
    const bundle = scene().path("platform.tar");

    await sealift.export(bundle, scene().names("multi", "docker"), "--platform", "linux/amd64");
    await sealift.must("verify", bundle, "--key", sealift.publicKey, "--deep");
    const imported = await sealift.run(...importArguments("platform.tar", far.host));

    expect(imported.code).toBe(5);
    expect(imported.stderr).toContain("--platform all");
    expect(await far.tags()).toEqual([IMAGES.docker]);
  });
});
