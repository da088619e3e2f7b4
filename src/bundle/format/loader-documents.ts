import { type Descriptor, isImageConfigMediaType, MEDIA_TYPE, type Platform, parseReference } from "../../oci/index.js";
import { type BundleImage, blobPath } from "./bundle-index.js";

/**
 * The largest `manifest.json`, in bytes, that skopeo and podman read
 * (MaxTarFileManifestSize, containers/image internal/iolimits/iolimits.go).
 * Docker reads any.
 */
export const MAX_READABLE_DOCKER_MANIFEST = 1024 * 1024;

/** An image manifest that a runtime can load. */
export interface LoadableManifest {
  readonly platform: Platform;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** An image with the one manifest that `manifest.json` can name. */
export interface LoadableImage {
  /** As in {@link BundleImage}. */
  readonly name: string;
  readonly manifest: LoadableManifest;
}

/** `oci-layout`: the version of the image layout (image-layout.md, "oci-layout file"). */
export function encodeOciLayout(): Uint8Array {
  return Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

/**
 * `index.json`: one descriptor for each image, named for containerd and Docker
 * (`io.containerd.image.name`), and for OCI readers (`ref.name`, which skopeo
 * and podman compare as it stands; it is the full name, since a tag alone would
 * name the image `latest`).
 */
export function encodeOciIndex(images: readonly BundleImage[]): Uint8Array {
  const manifests = images.map(({ name, root }) => ({
    mediaType: root.mediaType,
    digest: root.digest,
    size: root.size,
    annotations: { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name },
  }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests }));
}

/**
 * `manifest.json`: what `docker load` reads in its classic store, and skopeo's
 * `docker-archive:`. It can name one platform of an image only.
 */
export function encodeDockerManifest(images: readonly LoadableImage[]): Uint8Array {
  const items = images.map(({ name, manifest }) => ({
    Config: blobPath(manifest.config.digest),
    // A name without a tag makes docker load fail; without any, the image is loaded by its ID.
    RepoTags: parseReference(name).tag === undefined ? null : [name],
    Layers: manifest.layers.map(({ digest }) => blobPath(digest)),
  }));
  return Buffer.from(JSON.stringify(items));
}

/**
 * The one manifest of an image that `manifest.json` names: linux/amd64 if it is
 * there, else the first for Linux. A config for another system would abort the
 * whole `docker load`, so an image without one for Linux has none.
 */
export function chooseLoadable(manifests: readonly LoadableManifest[]): LoadableManifest | undefined {
  const linux = manifests.filter(
    ({ platform, config }) => platform.os === "linux" && isImageConfigMediaType(config.mediaType),
  );
  return linux.find(({ platform }) => platform.architecture === "amd64") ?? linux[0];
}
