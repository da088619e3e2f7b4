import { describe, expect, test } from "vitest";
import type { RawManifest } from "../../../src/oci/index.js";
import { SharedMetadata } from "../../../src/operations/graph/shared-metadata.js";
import type { ImageSource } from "../../../src/ports/index.js";
import { sampleImage } from "../../support/images.js";

const { root } = sampleImage({ layers: [] });

/** A source whose manifests come when its promise settles. */
function sourceOf(manifest: Promise<RawManifest>, asked: string[] = [], name = "source"): ImageSource {
  const fetchManifest = async () => {
    asked.push(name);
    return await manifest;
  };
  return { fetchManifest } as unknown as ImageSource;
}

describe("a manifest that several images have", () => {
  test("is fetched once, by whoever comes first", async () => {
    const asked: string[] = [];
    const shared = new SharedMetadata();
    const sources = ["a", "b", "c"].map((name) => sourceOf(Promise.resolve(root), asked, name));
    const manifests = await Promise.all(
      sources.map(async (source) => await shared.from(source, {}).manifest(root.descriptor)),
    );
    expect(manifests).toEqual([root, root, root]);
    expect(asked).toEqual(["a"]);
  });

  test("is fetched from another place when the first one does not give it", async () => {
    const asked: string[] = [];
    const shared = new SharedMetadata();
    const refused = Promise.reject<RawManifest>(new Error("refused"));
    const first = shared.from(sourceOf(refused, asked, "first"), {}).manifest(root.descriptor);
    const second = shared.from(sourceOf(Promise.resolve(root), asked, "second"), {}).manifest(root.descriptor);
    await expect(first).rejects.toThrow("refused");
    expect(await second).toEqual(root);
    expect(asked).toEqual(["first", "second"]);
  });

  test("is not fetched at all when it is known", async () => {
    const asked: string[] = [];
    const shared = new SharedMetadata(async () => root.bytes);
    expect(await shared.from(sourceOf(Promise.resolve(root), asked), {}).manifest(root.descriptor)).toEqual(root);
    expect(asked).toEqual([]);
  });
});
