import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { type Descriptor, type Digest, digestOf, MEDIA_TYPE, type RawManifest } from "../../src/oci/index.js";

/** A layer as an image holds it. */
export interface SampleLayer {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly diffId: Digest;
}

/** An image, or an index of images, with all that belongs to it. */
export interface SampleImage {
  readonly root: RawManifest;
  /** Children before the indexes that list them; the root is last. */
  readonly manifests: readonly RawManifest[];
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
}

/** What {@link sampleImage} takes. */
export interface SampleImageOptions {
  readonly layers: readonly SampleLayer[];
  /** As `os/architecture[/variant]`; by default linux/amd64. */
  readonly platform?: string;
  /** By default "oci". */
  readonly format?: "oci" | "docker";
  readonly config?: object;
}

const EPOCH = new Date(0);

/** A layer of a few files; `compress` makes the stored bytes of the tar. */
export async function sampleLayer(
  files: Readonly<Record<string, string | Uint8Array>>,
  mediaType: string = MEDIA_TYPE.ociLayerGzip,
  compress: (tar: Uint8Array) => Uint8Array = gzipSync,
): Promise<SampleLayer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name, mtime: EPOCH }, Buffer.from(content));
  archive.finalize();
  const tar = await buffer(archive);
  const bytes = compress(tar);
  return { descriptor: describe(mediaType, bytes), bytes, diffId: digestOf(tar) };
}

/** A layer with `size` bytes of noise that are always the same for one `seed`. */
export async function noiseLayer(size: number, seed: string): Promise<SampleLayer> {
  return sampleLayer({ [`data/${seed}`]: noise(size, seed) }, MEDIA_TYPE.ociLayer, (tar) => tar);
}

/** An image manifest with its config and layers. */
export function sampleImage(options: SampleImageOptions): SampleImage {
  const docker = options.format === "docker";
  const [os = "", architecture = "", variant] = (options.platform ?? "linux/amd64").split("/");
  const config = json({
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    config: { Cmd: ["/hello"] },
    rootfs: { type: "layers", diff_ids: options.layers.map(({ diffId }) => diffId) },
    ...options.config,
  });
  const configType = docker ? MEDIA_TYPE.dockerConfig : MEDIA_TYPE.ociConfig;
  const manifest = sampleManifest(docker ? MEDIA_TYPE.dockerManifest : MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    config: describe(configType, config),
    layers: options.layers.map(({ descriptor }) => descriptor),
  });
  const blobs = new Map<Digest, Uint8Array>([[digestOf(config), config]]);
  for (const { descriptor, bytes } of options.layers) blobs.set(descriptor.digest, bytes);
  return { root: manifest, manifests: [manifest], blobs };
}

/** An index of images, each with its platform as `os/architecture[/variant]`, and further members of its descriptor. */
export function sampleIndex(
  children: readonly { readonly image: SampleImage; readonly platform?: string; readonly descriptor?: object }[],
  mediaType: string = MEDIA_TYPE.ociIndex,
): SampleImage {
  const root = sampleManifest(mediaType, {
    schemaVersion: 2,
    manifests: children.map(({ image, platform, descriptor }) => {
      const [os, architecture, variant] = platform?.split("/") ?? [];
      const stated = platform === undefined ? {} : { platform: { os, architecture, ...(variant ? { variant } : {}) } };
      return { ...image.root.descriptor, ...stated, ...descriptor };
    }),
  });
  return {
    root,
    manifests: [...children.flatMap(({ image }) => image.manifests), root],
    blobs: new Map(children.flatMap(({ image }) => [...image.blobs])),
  };
}

/** A manifest of any content, with its media type in it. */
export function sampleManifest(mediaType: string, content: object): RawManifest {
  const bytes = json({ mediaType, ...content });
  return { descriptor: describe(mediaType, bytes), bytes };
}

/** The descriptor of some bytes. */
export function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** Bytes that look random and are always the same for one `seed`. */
function noise(size: number, seed: string): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at * 64 < size; at += 1) blocks.push(createHash("sha512").update(`${seed} ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}

function json(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
