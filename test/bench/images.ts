import { Readable } from "node:stream";
import { type Descriptor, MEDIA_TYPE, type RawManifest, type Reference } from "../../src/oci/index.js";
import { RegistryClient } from "../../src/registry/index.js";
import { describe, sampleManifest } from "../support/images.js";
import { type BenchLayer, LayerMaker } from "./layers.js";

/** An image in the near registry. */
export interface BenchImage {
  /** Its place below the registry. */
  readonly repository: string;
  readonly tag: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

const IMAGE_COUNT = 5;

// The shares of the whole that the layers take: a base of three layers that all
// images have, and three more for each image. They sum up to 1.
const BASE_SHARES = [0.2, 0.08, 0.02];
const IMAGE_SHARES = [0.1, 0.03, 0.01];

/**
 * Pushes images that share a base, each to a repository of its own.
 *
 * @param size - Of all their blobs, each counted once, in bytes.
 */
export async function pushImages(registry: string, size: number): Promise<readonly BenchImage[]> {
  const maker = new LayerMaker();
  const layersOf = (name: string, shares: readonly number[]): BenchLayer[] =>
    shares.map((share, at) => maker.layer(`${name}-${at}`, share * size));
  const base = layersOf("base", BASE_SHARES);
  await using client = new RegistryClient();
  const images: BenchImage[] = [];
  for (let at = 1; at <= IMAGE_COUNT; at += 1) {
    const repository = `bench/app${at}`;
    const layers = [...base, ...layersOf(`app${at}`, IMAGE_SHARES)];
    images.push(await pushImage(client, { registry, repository, tag: "1" }, layers, images[0]));
  }
  return images;
}

/** All blobs of some images, each once, with a repository that has it. */
export function blobsOf(images: readonly BenchImage[]): readonly { repository: string; blob: Descriptor }[] {
  const blobs = images.flatMap(({ repository, config, layers }) =>
    [config, ...layers].map((blob) => [blob.digest, { repository, blob }] as const),
  );
  return [...new Map(blobs).values()];
}

/** @param first - An image in another repository; what layers they share are mounted from there. */
async function pushImage(
  client: RegistryClient,
  reference: Reference & { tag: string },
  layers: readonly BenchLayer[],
  first: BenchImage | undefined,
): Promise<BenchImage> {
  const { registry, repository, tag } = reference;
  const destination = client.repository(registry, repository);
  for (const layer of layers) {
    const { descriptor } = layer;
    const isShared = first?.layers.some(({ digest }) => digest === descriptor.digest) ?? false;
    if (first && isShared && (await destination.mountBlob(descriptor, { registry, repository: first.repository })))
      continue;
    await destination.putBlob(descriptor, async () => Readable.from(layer.chunks(), { objectMode: false }));
  }
  const { config, manifest } = describeImage(repository, layers);
  await destination.putBlob(config.descriptor, async () => Readable.from([config.bytes], { objectMode: false }));
  await destination.putManifest(manifest, tag);
  return { repository, tag, config: config.descriptor, layers: layers.map(({ descriptor }) => descriptor) };
}

function describeImage(name: string, layers: readonly BenchLayer[]): { config: RawManifest; manifest: RawManifest } {
  const content = {
    os: "linux",
    architecture: "amd64",
    config: { Cmd: [name] },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  };
  const bytes = Buffer.from(JSON.stringify(content));
  const config = { descriptor: describe(MEDIA_TYPE.ociConfig, bytes), bytes };
  const manifest = sampleManifest(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  return { config, manifest };
}
