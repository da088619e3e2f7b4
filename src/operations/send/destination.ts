import type { BundleImage } from "../../bundle/format/index.js";
import { SealiftError } from "../../errors/index.js";
import { formatReference, parseReference, type Reference } from "../../oci/index.js";

/** The registry, and the path below which all images of a bundle arrive. */
export interface DestinationRoot {
  readonly registry: string;
  /** Empty for none. */
  readonly prefix: string;
}

/** An image of a bundle with the reference it arrives under. */
export interface RoutedImage {
  readonly image: BundleImage;
  readonly destination: Reference;
}

/** Where a repository of a bundle's images arrives. */
export function repositoryBelow({ prefix }: DestinationRoot, repository: string): string {
  return prefix === "" ? repository : `${prefix}/${repository}`;
}

/**
 * Where each image arrives: the registry it came from is replaced by the
 * destination and its prefix, the repository and tag stay. So
 * docker.io/library/nginx:1.27 becomes reg.internal/mirror/library/nginx:1.27.
 *
 * @throws SealiftError `USAGE` if two images would arrive under one name:
 * one would silently replace the other.
 */
export function routeImages(images: readonly BundleImage[], root: DestinationRoot): readonly RoutedImage[] {
  const taken = new Map<string, BundleImage>();
  return images.map((image) => {
    const { repository, tag, digest } = parseReference(image.name);
    const destination: Reference = {
      registry: root.registry,
      repository: repositoryBelow(root, repository),
      ...(tag === undefined ? {} : { tag }),
      ...(digest === undefined ? {} : { digest }),
    };
    const name = formatReference(destination);
    const other = taken.get(name);
    if (other !== undefined && other.root.digest !== image.root.digest) {
      throw new SealiftError(
        "USAGE",
        `expected each image to get a name of its own, but ${other.name} and ${image.name} would both arrive as ${name}`,
        {
          hint: "export them into two bundles, and import these with different prefixes: --to REGISTRY/PREFIX",
        },
      );
    }
    taken.set(name, image);
    return { image, destination };
  });
}
