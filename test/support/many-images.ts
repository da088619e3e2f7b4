import { type Descriptor, type Digest, digestOf, MEDIA_TYPE } from "../../src/oci/index.js";
import type { ImageSource } from "../../src/ports/index.js";

// Which blob of an image a number stands for: a layer, or one of these.
const BLOBS_PER_IMAGE = 100;
const CONFIG = BLOBS_PER_IMAGE - 2;
const MANIFEST = BLOBS_PER_IMAGE - 1;

/**
 * Images that share nothing, each with a manifest, a config and `layers` layers
 * of some bytes. They are made when they are asked for, so that the memory of a
 * process that exports them is the export's.
 */
export class ManyImages {
  readonly names: readonly string[];
  readonly #layers: number;
  readonly #numbers = new Map<Digest, number>();

  constructor(images: number, layers: number) {
    this.#layers = layers;
    this.names = Array.from({ length: images }, (_, image) => `registry.example/team/app-${image}:1`);
    for (let image = 0; image < images; image += 1) {
      for (const blob of [...this.#layersOf(image).keys(), CONFIG, MANIFEST]) {
        const number = image * BLOBS_PER_IMAGE + blob;
        this.#numbers.set(digestOf(this.#bytes(number)), number);
      }
    }
  }

  /** How many blobs there are in all, manifests and configs among them. */
  get blobs(): number {
    return this.#numbers.size;
  }

  readonly openSource = async (): Promise<ImageSource> => ({
    resolve: async ({ repository }) => this.#manifestOf(Number(repository.split("-")[1])),
    fetchManifest: async (descriptor) => ({ descriptor, bytes: this.#find(descriptor) }),
    fetchBlob: async (descriptor, take) => {
      await take(this.#find(descriptor), 0);
    },
    [Symbol.asyncDispose]: async () => undefined,
  });

  #find({ digest }: Descriptor): Uint8Array {
    const number = this.#numbers.get(digest);
    if (number === undefined) throw new Error(`expected the digest of a blob, got ${digest}`);
    return this.#bytes(number);
  }

  #bytes(number: number): Uint8Array {
    const image = Math.floor(number / BLOBS_PER_IMAGE);
    const blob = number % BLOBS_PER_IMAGE;
    if (blob === MANIFEST) return this.#manifest(image);
    return blob === CONFIG ? this.#config(image) : (this.#layersOf(image)[blob] ?? new Uint8Array());
  }

  #layersOf(image: number): readonly Uint8Array[] {
    return Array.from({ length: this.#layers }, (_, layer) => Buffer.from(`layer ${layer} of image ${image}\n`));
  }

  #config(image: number): Uint8Array {
    const diffIds = this.#layersOf(image).map((bytes) => digestOf(bytes));
    return json({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: diffIds } });
  }

  #manifest(image: number): Uint8Array {
    return json({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: describe(MEDIA_TYPE.ociConfig, this.#config(image)),
      layers: this.#layersOf(image).map((bytes) => describe(MEDIA_TYPE.ociLayer, bytes)),
    });
  }

  #manifestOf(image: number): Descriptor {
    return describe(MEDIA_TYPE.ociManifest, this.#manifest(image));
  }
}

function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
