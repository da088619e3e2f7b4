import { Readable } from "node:stream";
import { expect } from "vitest";
import { type Descriptor, digestOf, MEDIA_TYPE, type RawManifest } from "../../src/oci/index.js";
import { RegistryClient, type RegistryClientOptions } from "../../src/registry/index.js";
import { type Quirks, type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { BARE_MACHINE } from "../support/surroundings.js";

/** Some bytes, and their descriptor. */
export interface Content {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export function content(bytes: Uint8Array | string, mediaType: string = MEDIA_TYPE.ociLayerGzip): Content {
  const copy = Buffer.from(bytes);
  return { descriptor: { mediaType, digest: digestOf(copy), size: copy.length }, bytes: copy };
}

export const LAYER = content("the bytes of a layer");
export const CONFIG = content("{}", MEDIA_TYPE.ociConfig);
export const MANIFEST: RawManifest = content(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: CONFIG.descriptor,
    layers: [LAYER.descriptor],
  }),
  MEDIA_TYPE.ociManifest,
);

/** A registry that has the image `app:1`, with one layer. */
export async function startedRegistry(quirks: Quirks = {}): Promise<RegistryServer> {
  const registry = await startRegistry({ quirks });
  putApp(registry);
  return registry;
}

/** Puts the image `app:1`, with one layer, into a registry. */
export function putApp({ storage }: RegistryServer, repository = "app"): void {
  for (const { bytes } of [CONFIG, LAYER]) storage.putBlob(repository, bytes);
  storage.putManifest(repository, "1", MANIFEST.descriptor.mediaType, MANIFEST.bytes);
}

/** A client without credentials that does not wait between tries. */
export function impatientClient(options: RegistryClientOptions = {}): RegistryClient {
  return new RegistryClient({
    credentials: async () => undefined,
    surroundings: BARE_MACHINE,
    ...options,
    retry: { sleep: async () => undefined, ...options.retry },
  });
}

/** What opens a blob for an upload. */
export function opener({ bytes }: Content): () => Promise<Readable> {
  return async () => Readable.from([bytes]);
}

/** Matches, in an object that is expected, any text with `part` in it. */
export function containing(part: string): string {
  return expect.stringContaining(part) as string;
}

/** Matches, in an object that is expected, any text of a form. */
export function matching(pattern: RegExp): string {
  return expect.stringMatching(pattern) as string;
}
