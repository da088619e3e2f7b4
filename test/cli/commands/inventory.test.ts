import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseInventory } from "../../../src/bundle/format/index.js";
import { type Descriptor, MEDIA_TYPE } from "../../../src/oci/index.js";
import type { Quirks } from "../../../src/registry-server/index.js";
import { sampleImage, sampleIndex, sampleLayer, sampleManifest } from "../../support/images.js";
import { Scene } from "../../support/scene.js";
import { storeImage } from "../../support/store-image.js";
import { FakeHost } from "../fake-host.js";

let scene: Scene;
let output: string;
let layers: readonly Descriptor[];

beforeEach(async () => {
  scene = await Scene.create();
  output = scene.folder.file("inventory.json");
  const samples = [await sampleLayer({ a: "a" }), await sampleLayer({ b: "b" }), await sampleLayer({ c: "c" })];
  layers = samples.map(({ descriptor }) => descriptor);
  const [a, b, c] = samples;
  const far = scene.far.storage;
  storeImage(far, "mirror/app", "1", sampleImage({ layers: [a!] }));
  storeImage(far, "mirror/app", "2", sampleImage({ layers: [a!, b!] }));
  storeImage(far, "mirror/app", "again", sampleImage({ layers: [a!, b!] }));
  const arm = sampleImage({ layers: [c!], platform: "linux/arm64" });
  storeImage(far, "team/tool", "1", sampleIndex([{ image: arm, platform: "linux/arm64" }]));
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

async function run(...operands: string[]) {
  const host = new FakeHost({ HOME: scene.folder.path });
  const code = await host.run("inventory", ...operands.map((place) => `${scene.far.host}${place}`), "-o", output);
  return { host, code };
}

async function written() {
  return parseInventory(await readFile(output), "it");
}

/** The layers that the file says a repository has. */
async function layersIn(repository: string) {
  const found = (await written()).repositories.find(({ name }) => name === repository)?.blobs ?? [];
  return layers.filter(({ digest }) => found.some((blob) => blob.digest === digest));
}

async function given(quirks: Quirks) {
  scene.far.restage(quirks);
}

describe("inventory", () => {
  test("REGISTRY writes down what all its images consist of, those in indexes, too", async () => {
    const { host, code } = await run("");
    expect(host.stderr.text).not.toContain("warning");
    expect(code).toBe(0);
    const { registry, repositories } = await written();
    expect(registry).toBe(scene.far.host);
    expect(repositories.map(({ name, blobs }) => [name, blobs.length])).toEqual([
      ["mirror/app", 4],
      ["team/tool", 2],
    ]);
    expect(await layersIn("mirror/app")).toEqual(layers.slice(0, 2));
    expect(await layersIn("team/tool")).toEqual(layers.slice(2));
    expect(host.stdout.text).toContain(`Wrote ${output}: ${scene.far.host} has 6 blobs in 2 repositories\n`);
    expect(host.stdout.text).toContain(`--since ${output}`);
  });

  test("asks for each manifest once, however many tags it has, and for no blob", async () => {
    await run("");
    const gets = scene.far.requestLines().filter((line) => line.startsWith("GET") && line.includes("/manifests/"));
    expect(new Set(gets).size).toBe(gets.length);
    expect(gets).toHaveLength(4);
    expect(scene.far.requestLines().filter((line) => line.includes("/blobs/"))).toEqual([]);
  });

  test.each([
    ["/mirror", ["mirror/app"]],
    ["/mirror/app", ["mirror/app"]],
    ["/team", ["team/tool"]],
  ])("REGISTRY%s takes what is there", async (place, names) => {
    expect((await run(place)).code).toBe(0);
    expect((await written()).repositories.map(({ name }) => name)).toEqual(names);
  });

  test("SOURCE_DATE_EPOCH is when it was made, and the same registry gives the same bytes", async () => {
    const host = new FakeHost({ HOME: scene.folder.path, SOURCE_DATE_EPOCH: "1700000000" });
    await host.run("inventory", scene.far.host, "-o", output);
    const first = await readFile(output);
    await host.run("inventory", scene.far.host, "-o", output);
    expect(await readFile(output)).toEqual(first);
    expect((await written()).created).toBe("2023-11-14T22:13:20Z");
  });

  test("--json prints how much is where", async () => {
    const host = new FakeHost({ HOME: scene.folder.path });
    expect(await host.run("inventory", scene.far.host, "-o", output, "--json")).toBe(0);
    expect(host.json).toMatchObject({
      ok: true,
      result: {
        inventory: output,
        registry: scene.far.host,
        repositories: [
          { name: "mirror/app", blobs: 4 },
          { name: "team/tool", blobs: 2 },
        ],
        failures: [],
      },
    });
  });
});

describe("a registry that does not list its repositories", () => {
  test.each(["missing", "unauthorized", "denied", "empty"] as const)("4: %s; the hint is to name them", async (how) => {
    await given({ catalog: how });
    const { host, code } = await run("");
    expect(code).toBe(4);
    expect(host.stderr.text).toMatch(new RegExp(`name (?:its repositories|them): ${scene.far.host}/REPOSITORY`));
    await expect(readFile(output)).rejects.toThrow();
  });

  test.each(["missing", "unauthorized", "denied", "empty"] as const)(
    "%s: those that are named are read",
    async (how) => {
      await given({ catalog: how });
      expect((await run("/mirror/app", "/team/tool")).code).toBe(0);
      expect((await written()).repositories).toHaveLength(2);
    },
  );

  test("but lists what is none, is read but for that", async () => {
    await given({ catalogList: ["../admin", "team/tool", "team/tool"] });
    const { host, code } = await run("");
    expect(code).toBe(0);
    expect(host.stderr.text).toContain('lists what is no repository; left out: "../admin"');
    expect((await written()).repositories.map(({ name }) => name)).toEqual(["team/tool"]);
  });
});

describe("what cannot be read", () => {
  test("5: a repository is named, and the file has the others", async () => {
    const { host, code } = await run("/mirror/app", "/no/such");
    expect(code).toBe(5);
    expect(host.stderr.text).toContain("expected every repository to be read, but 1 failed; the others are in");
    expect(host.stderr.text).toContain(`${scene.far.host}/no/such: expected the tags of`);
    expect((await written()).repositories.map(({ name }) => name)).toEqual(["mirror/app"]);
  });

  test("4: no repository at all leaves no file", async () => {
    expect((await run("/no/such")).code).toBe(4);
    await expect(readFile(output)).rejects.toThrow();
  });

  test("a repository that is listed, and whose last tag is gone, has nothing", async () => {
    await given({ catalogList: ["team/tool", "gone"] });
    expect((await run("")).code).toBe(0);
    expect((await written()).repositories).toMatchObject([{ name: "gone", blobs: [] }, { name: "team/tool" }]);
  });

  test("a tag is left out with a warning", async () => {
    const schema1 = sampleManifest("application/vnd.docker.distribution.manifest.v1+json", { schemaVersion: 1 });
    scene.far.storage.putManifest("mirror/app", "old", schema1.descriptor.mediaType, schema1.bytes);
    const { host, code } = await run("/mirror/app");
    expect(code).toBe(0);
    expect(host.stderr.text).toContain(
      `1 tag of ${scene.far.host}/mirror/app is left out, since it cannot be read: old`,
    );
    expect(await layersIn("mirror/app")).toHaveLength(2);
  });

  test("a child that an index names and the registry has not is no fault", async () => {
    const gone = sampleImage({ layers: [await sampleLayer({ d: "d" })] });
    const index = sampleIndex([{ image: gone, platform: "linux/amd64" }]);
    const { descriptor, bytes } = index.root;
    scene.far.storage.putManifest("sparse", "1", descriptor.mediaType, bytes);
    const { host, code } = await run("/sparse");
    expect(host.stderr.text).not.toContain("warning");
    expect(code).toBe(0);
    expect((await written()).repositories).toEqual([{ name: "sparse", blobs: [] }]);
  });

  test("foreign layers are not written down: the registry may not have them", async () => {
    const foreign = await sampleLayer({ w: "w" }, MEDIA_TYPE.dockerForeignLayerGzip);
    storeImage(scene.far.storage, "windows", "1", sampleImage({ layers: [foreign] }));
    await run("/windows");
    expect((await written()).repositories[0]?.blobs.map(({ digest }) => digest)).not.toContain(
      foreign.descriptor.digest,
    );
  });

  test("4: a registry that is gone ends the run", async () => {
    await scene.far.close();
    const { host, code } = await run("/mirror/app");
    expect(code).toBe(4);
    expect(host.stderr.text).toContain("[UNREACHABLE, exit code 4]");
  });
});

describe("before anything is asked", () => {
  test("2: another registry", async () => {
    const host = new FakeHost({ HOME: scene.folder.path });
    expect(await host.run("inventory", scene.far.host, scene.near.host, "-o", output)).toBe(2);
    expect(host.stderr.text).toContain("expected an inventory of one registry");
    expect(scene.far.requests).toEqual([]);
  });

  test.each([
    ["a file that is something else", "precious"],
    ["another document", "{}"],
  ])("2: %s in the place of the inventory stays as it is", async (_what, text) => {
    await writeFile(output, text);
    const { host, code } = await run("");
    expect(code).toBe(2);
    expect(host.stderr.text).toContain("[FILE_EXISTS, exit code 2]");
    expect(await readFile(output, "utf8")).toBe(text);
    expect(scene.far.requests).toEqual([]);
  });

  test("2: a folder that is not there", async () => {
    output = scene.folder.file("none/inventory.json");
    const { host, code } = await run("");
    expect(code).toBe(2);
    expect(host.stderr.text).toContain("[FILE_NOT_FOUND, exit code 2]");
    expect(scene.far.requests).toEqual([]);
  });

  test("2: standard output is no file", async () => {
    const host = new FakeHost({ HOME: scene.folder.path });
    expect(await host.run("inventory", scene.far.host, "-o", "-")).toBe(2);
  });
});
