import type { MemoryStorage } from "../../src/registry-server/index.js";
import type { SampleImage } from "./images.js";

/** Puts an image into a registry's storage, past its protocol; untagged if no tag is given. */
export function storeImage(
  storage: MemoryStorage,
  repository: string,
  tag: string | undefined,
  image: SampleImage,
): void {
  for (const [digest, bytes] of image.blobs) storage.putBlob(repository, bytes, digest);
  for (const { descriptor, bytes } of image.manifests) {
    storage.putManifest(repository, descriptor.digest, descriptor.mediaType, bytes);
  }
  const { descriptor, bytes } = image.root;
  if (tag !== undefined) storage.putManifest(repository, tag, descriptor.mediaType, bytes);
}
