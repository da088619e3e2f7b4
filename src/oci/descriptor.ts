import * as z from "zod";
import { type Digest, isDigest } from "./digest.js";
import { objectOf } from "./json.js";
import type { Platform } from "./platform.js";

/** A pointer to content: its type, digest and size in bytes (image-spec descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly platform?: Platform;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A manifest or index with the exact bytes its registry sent; they are never serialised again. */
export interface RawManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** A digest, as a schema. */
export const digestSchema = z.custom<Digest>((value) => typeof value === "string" && isDigest(value), {
  error: "expected a sha256 or sha512 digest",
});

/** A size in bytes, as a schema: a whole number that a double holds exactly. */
export const sizeSchema = z.int().nonnegative();

// RFC 6838 section 4.2 names, which descriptor.md demands of a mediaType.
const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;

/** A media type, as a schema. */
export const mediaTypeSchema = z.string().regex(MEDIA_TYPE, "expected a media type such as application/json");

/** Annotations, as a schema. One problem for the whole, however many values are bad: see listOf. */
export const annotationsSchema = z.custom<Record<string, string>>(isStringMap, {
  error: "expected an object whose values are strings",
});

const platformSchema = objectOf({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().optional(),
  "os.version": z.string().optional(),
}).transform(
  ({ os, architecture, variant, "os.version": osVersion }): Platform => ({
    os,
    architecture,
    ...(variant ? { variant } : {}),
    ...(osVersion ? { "os.version": osVersion } : {}),
  }),
);

/** A descriptor as it stands in JSON from outside; unknown members are dropped, as the specification asks. */
export const descriptorSchema = objectOf({
  mediaType: mediaTypeSchema,
  digest: digestSchema,
  size: sizeSchema,
  platform: platformSchema.nullish(),
  artifactType: z.string().nullish(),
  annotations: annotationsSchema.nullish(),
}).transform(
  ({ mediaType, digest, size, platform, artifactType, annotations }): Descriptor => ({
    mediaType,
    digest,
    size,
    ...(platform ? { platform } : {}),
    ...(artifactType ? { artifactType } : {}),
    ...(annotations ? { annotations } : {}),
  }),
);

function isStringMap(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((item) => typeof item === "string");
}
