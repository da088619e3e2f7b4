import { createCipheriv, createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type Descriptor, type Digest, finishDigest, MEDIA_TYPE } from "../../src/oci/index.js";
import { END_OF_ARCHIVE_SIZE, encodeHeader } from "../../src/tar/index.js";

/** A layer that is made again each time it is read: gigabytes of it need no room. */
export interface BenchLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** The stored bytes. */
  chunks(): Iterable<Uint8Array>;
}

/** A file of a layer, packed once and used in many layers. */
interface SampleFile {
  readonly bytes: Uint8Array;
  readonly gzip: Uint8Array;
}

// A file is one part of noise (programs, fonts, archives) and two parts of text,
// and so packs to about half of its size, as layers of real images do. Both are
// multiples of the tar's block size, so files need no padding. Text that repeats
// itself at a greater distance than gzip's window of 32 KiB packs as if it did not.
const NOISE_SIZE = 2 * 1024 * 1024;
const TEXT_SIZE = 128 * 1024;
const TEXT_REPEATS = 32;

// Few enough to be made in a second, enough for layers of different content.
const FILE_COUNT = 8;

const WORDS = "the image layer manifest config digest blob index of a registry is in 0 1 / = ; { }\n".split(" ");

/**
 * Makes layers that look like real ones: tars of noise and text, gzipped. A
 * gzip stream may be joined from several (RFC 1952, section 2.2), so each file is
 * packed once, and a layer is a row of packed headers and packed files.
 */
export class LayerMaker {
  readonly #files: readonly SampleFile[];

  constructor() {
    this.#files = Array.from({ length: FILE_COUNT }, (_, seed) => sampleFile(seed));
  }

  /**
   * @param name - Other names give other layers.
   * @param size - In bytes, as stored; met to within one file.
   */
  layer(name: string, size: number): BenchLayer {
    const chunks = (): Iterable<Uint8Array> => this.#members(name, size, ({ gzip }) => gzip, gzipSync);
    const unpacked = this.#members(
      name,
      size,
      ({ bytes }) => bytes,
      (bytes) => bytes,
    );
    const stored = digestOfChunks(chunks());
    return {
      descriptor: { mediaType: MEDIA_TYPE.ociLayerGzip, ...stored },
      diffId: digestOfChunks(unpacked).digest,
      chunks,
    };
  }

  *#members(
    name: string,
    size: number,
    content: (file: SampleFile) => Uint8Array,
    encode: (bytes: Uint8Array) => Uint8Array,
  ): Generator<Uint8Array> {
    let packed = 0;
    for (let at = 0; packed === 0 || packed < size; at += 1) {
      const file = this.#files[at % FILE_COUNT];
      if (file === undefined) throw new Error("expected a file");
      yield encode(encodeHeader(`srv/${name}/${at}`, file.bytes.length));
      yield content(file);
      packed += file.gzip.length;
    }
    yield encode(new Uint8Array(END_OF_ARCHIVE_SIZE));
  }
}

function sampleFile(seed: number): SampleFile {
  const text = sampleText(TEXT_SIZE, seed);
  const bytes = Buffer.concat([noise(NOISE_SIZE, seed), ...Array.from({ length: TEXT_REPEATS }, () => text)]);
  return { bytes, gzip: gzipSync(bytes, { level: 1 }) };
}

function sampleText(size: number, seed: number): Buffer {
  let words = "";
  for (const byte of noise(size, seed)) {
    words += `${WORDS[byte % WORDS.length] ?? ""} `;
    if (words.length >= size) break;
  }
  return Buffer.from(words).subarray(0, size);
}

// A key stream is the cheapest noise there is, and the same in each run.
function noise(size: number, seed: number): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(size));
}

function digestOfChunks(chunks: Iterable<Uint8Array>): { digest: Digest; size: number } {
  const hash = createHash("sha256");
  let size = 0;
  for (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: finishDigest(hash, "sha256"), size };
}
