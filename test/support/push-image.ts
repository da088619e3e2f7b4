import { Readable } from "node:stream";
import { parseReference } from "../../src/oci/index.js";
import type { RegistryClient } from "../../src/registry/index.js";
import { describe, type SampleImage } from "./images.js";

/** Pushes an image to a registry, by its protocol. */
export async function pushImage(client: RegistryClient, name: string, image: SampleImage): Promise<void> {
  const { registry, repository, tag } = parseReference(name);
  const destination = client.repository(registry, repository);
  for (const bytes of image.blobs.values()) {
    const descriptor = describe("application/octet-stream", bytes);
    await destination.putBlob(descriptor, async () => Readable.from([bytes], { objectMode: false }));
  }
  for (const manifest of image.manifests) await destination.putManifest(manifest);
  await destination.putManifest(image.root, tag);
}
