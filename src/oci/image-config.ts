import * as z from "zod";
import { digestSchema } from "./descriptor.js";
import type { Digest } from "./digest.js";
import { listOf, objectOf, parseJson } from "./json.js";
import type { Platform } from "./platform.js";

/**
 * The largest image config that is accepted, in bytes: what the readers of
 * image tars take (containers/image, docker/tarfile/src.go).
 */
export const MAX_CONFIG_SIZE = 4 * 1024 * 1024;

/** What Sealift reads of an image's config (image-spec config.md). */
export interface ImageConfig {
  readonly platform: Platform;
  /** The digest of each layer unpacked, in the order of the manifest's layers. */
  readonly diffIds: readonly Digest[];
}

const configSchema = objectOf({
  os: z.string().min(1),
  architecture: z.string().min(1),
  variant: z.string().nullish(),
  "os.version": z.string().nullish(),
  rootfs: objectOf({ type: z.literal("layers"), diff_ids: listOf(digestSchema).nullable() }),
});

/**
 * Reads the config of an image.
 *
 * @throws SealiftError `MANIFEST_INVALID` if it is not one. What merely is something
 * else, such as a signature, is told by `isAmbiguousJson` from what two readers
 * would take for two configs.
 */
export function parseImageConfig(bytes: Uint8Array, digest: Digest): ImageConfig {
  const config = parseJson(bytes, configSchema, `image config ${digest}`, "MANIFEST_INVALID");
  return {
    platform: {
      os: config.os,
      architecture: config.architecture,
      ...(config.variant ? { variant: config.variant } : {}),
      ...(config["os.version"] ? { "os.version": config["os.version"] } : {}),
    },
    diffIds: config.rootfs.diff_ids ?? [],
  };
}
