import { describe, expect, test } from "vitest";
import {
  blobPath,
  chooseLoadable,
  encodeDockerManifest,
  encodeOciIndex,
  encodeOciLayout,
  type LoadableImage,
} from "../../../src/bundle/format/index.js";
import { type Descriptor, digestOf, MEDIA_TYPE, parsePlatform } from "../../../src/oci/index.js";
import { failureOf } from "../../support/errors.js";
import { INDEX } from "./sample.js";

type LoadableManifest = LoadableImage["manifest"];

const image = INDEX.images[0]!;

function descriptor(content: string, mediaType: string = MEDIA_TYPE.ociLayerGzip): Descriptor {
  const bytes = Buffer.from(content);
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function manifestFor(platform: string, configType: string = MEDIA_TYPE.ociConfig): LoadableManifest {
  return {
    platform: parsePlatform(platform),
    config: descriptor(`config for ${platform}`, configType),
    layers: [descriptor("base"), descriptor(`layer for ${platform}`)],
  };
}

describe("oci-layout", () => {
  test("is the file of image-layout.md", () => {
    expect(String(encodeOciLayout())).toBe('{"imageLayoutVersion":"1.0.0"}');
  });
});

describe("index.json", () => {
  test("lists each image once, by its full name for containerd and for OCI readers", () => {
    const second = { ...image, name: "reg.internal:5000/team/app@sha256:abc" };
    const { digest, size, mediaType } = image.root;
    expect(JSON.parse(String(encodeOciIndex([image, second])))).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [image, second].map(({ name }) => ({
        mediaType,
        digest,
        size,
        annotations: { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name },
      })),
    });
  });

  test("may list none", () => {
    expect(JSON.parse(String(encodeOciIndex([])))).toMatchObject({ manifests: [] });
  });

  test("takes no annotation or platform of the image over: they are in its own index", () => {
    const root = { ...image.root, annotations: { a: "b" }, platform: { os: "linux", architecture: "amd64" } };
    expect(encodeOciIndex([{ ...image, root }])).toEqual(encodeOciIndex([image]));
  });
});

describe("manifest.json", () => {
  const manifest = manifestFor("linux/amd64");

  test("names config and layers by their paths in the tar, the layers in their order", () => {
    const images = [{ name: "docker.io/library/app:1.0", manifest }];
    expect(JSON.parse(String(encodeDockerManifest(images)))).toEqual([
      {
        Config: blobPath(manifest.config.digest),
        RepoTags: ["docker.io/library/app:1.0"],
        Layers: manifest.layers.map((layer) => blobPath(layer.digest)),
      },
    ]);
  });

  test("gives an image without a tag none: docker load takes tags only", () => {
    const name = `docker.io/library/app@${digestOf(Buffer.from("x"))}`;
    expect(JSON.parse(String(encodeDockerManifest([{ name, manifest }])))).toMatchObject([{ RepoTags: null }]);
  });

  test("is not made for a name that is no reference", async () => {
    expect((await failureOf(() => encodeDockerManifest([{ name: "No Name", manifest }]))).code).toBe(
      "REFERENCE_INVALID",
    );
  });

  test("may list none", () => {
    expect(String(encodeDockerManifest([]))).toBe("[]");
  });
});

describe("the manifest that docker load gets", () => {
  const amd64 = manifestFor("linux/amd64");
  const arm64 = manifestFor("linux/arm64");
  const s390x = manifestFor("linux/s390x");
  const windows = manifestFor("windows/amd64");
  const attestation = manifestFor("unknown/unknown");
  const artifact = manifestFor("linux/amd64", "application/vnd.cncf.helm.config.v1+json");
  const docker = manifestFor("linux/amd64", MEDIA_TYPE.dockerConfig);

  test.each([
    ["linux/amd64, wherever it stands", [windows, arm64, amd64], amd64],
    ["the first one for Linux, if there is none for amd64", [windows, s390x, arm64], s390x],
    ["none, if there is none for Linux: another would abort the load", [windows, attestation], undefined],
    ["none of an artifact, which has no image config", [artifact], undefined],
    ["an image rather than an artifact", [artifact, arm64], arm64],
    ["one of Docker's own types", [attestation, docker], docker],
    ["none of nothing", [], undefined],
  ])("is %s", (_name, manifests, chosen) => {
    expect(chooseLoadable(manifests)).toBe(chosen);
  });
});
