import {
  BUNDLE_INDEX_PATH,
  type BundleIndex,
  type BundleLayout,
  describeHeader,
  HEADER_BLOCK_SIZE,
  headerOf,
  MAX_INDEX_SIZE,
  type PlacedFile,
  parseBundleIndex,
  placeFile,
  planLayout,
  positionAfter,
  SIGNATURE_PATH,
  statedSize,
} from "../bundle/format/index.js";
import { quote, SealiftError } from "../errors/index.js";
import { type Digest, digestOf } from "../oci/index.js";
import type { RandomAccessSource, SignatureVerifier } from "../ports/index.js";
import { checkSignature, sigstoreBundle, type TrustPolicy } from "../signing/index.js";

/** A bundle whose index is trusted; nothing else has been looked at. */
export interface OpenBundle {
  readonly source: RandomAccessSource;
  readonly index: BundleIndex;
  readonly indexDigest: Digest;
  readonly signature: Uint8Array;
  /** The trusted key that signed; undefined if the policy asked for none. */
  readonly signedBy: SignatureVerifier | undefined;
  readonly layout: BundleLayout;
}

// A P-256 signature in DER takes at most 72 bytes; anything near this is no signature.
const MAX_SIGNATURE_SIZE = 512;

const HINT_COPY_AGAIN =
  "do not use this file: copy the bundle again from where it was made, and find out what changed it";

/**
 * Reads and checks what comes first in a bundle: the index and its signature.
 * The index is parsed only once its signature is known to be good.
 *
 * @throws SealiftError `BUNDLE_INVALID`, `SIGNATURE_INVALID`, `KEY_MISSING`, `MEDIUM_FAILED`.
 */
export async function openBundle(source: RandomAccessSource, trust: TrustPolicy): Promise<OpenBundle> {
  const indexFile = await readFirstFile(source, 0, BUNDLE_INDEX_PATH, MAX_INDEX_SIZE);
  const signatureFile = await readFirstFile(source, indexFile.next, SIGNATURE_PATH, MAX_SIGNATURE_SIZE);
  const signedBy = checkSignature(trust, indexFile.bytes, signatureFile.bytes);
  const index = parseBundleIndex(indexFile.bytes);
  if (signedBy !== undefined && signedBy.keyId !== index.keyId) {
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected the index to name the key that signed it, ${signedBy.keyId}, got ${quote(index.keyId)}`,
      {
        hint: "do not use this bundle: whoever signed it did not make it with Sealift",
      },
    );
  }
  const indexDigest = digestOf(indexFile.bytes);
  const sizes = {
    index: indexFile.bytes.length,
    signature: signatureFile.bytes.length,
    sigstoreBundle: sigstoreBundle(signatureFile.bytes, indexDigest, index.keyId).length,
  };
  return {
    source,
    index,
    indexDigest,
    signature: signatureFile.bytes,
    signedBy,
    layout: planLayout(sizes, index.entries),
  };
}

/**
 * Checks that the tar is, header for header, the one that the index determines:
 * its size, every header, all padding, the end, and the files before the
 * entries. A doubled, hidden, swapped or extra entry cannot pass.
 *
 * @throws SealiftError `BUNDLE_INVALID`, `MEDIUM_FAILED`; or the signal's reason.
 */
export async function assertLayout(bundle: OpenBundle, signal: AbortSignal | undefined): Promise<void> {
  const { source, layout, signature, indexDigest, index } = bundle;
  if (source.size !== layout.size) {
    throw new SealiftError("BUNDLE_INVALID", `expected a bundle of ${layout.size} bytes, got ${source.size}`, {
      hint: source.size < layout.size ? "it was cut off: copy it again from where it was made" : HINT_COPY_AGAIN,
    });
  }
  let end = 0;
  for (const file of [layout.index, layout.signature, layout.sigstoreBundle, ...layout.entries]) {
    signal?.throwIfAborted();
    await assertGap(source, end, file);
    end = file.position + file.size;
  }
  await assertBytes(source, end, new Uint8Array(layout.size - end), "the zeros that end the tar");
  const { position } = layout.sigstoreBundle;
  await assertBytes(
    source,
    position,
    sigstoreBundle(signature, indexDigest, index.keyId),
    "the Sigstore bundle of the signature",
  );
}

/** Whether a file begins as a bundle does, be it whole or not. */
export async function looksLikeBundle(source: RandomAccessSource): Promise<boolean> {
  return statedSize(await readBlock(source, 0), BUNDLE_INDEX_PATH) !== undefined;
}

/** One line on who signed, for the user. */
export function describeSignature({ signedBy }: OpenBundle): string {
  return signedBy === undefined ? "The signature was NOT checked" : `Signed by the trusted key ${signedBy.keyId}`;
}

interface FirstFile {
  readonly bytes: Uint8Array;
  /** Where the next header begins. */
  readonly next: number;
}

async function readFirstFile(
  source: RandomAccessSource,
  start: number,
  path: string,
  maxSize: number,
): Promise<FirstFile> {
  const block = await readBlock(source, start);
  const size = statedSize(block, path);
  if (size === undefined) {
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected a Sealift bundle, with ${path} at byte ${start}, got ${describeHeader(block)}`,
      { hint: start === 0 ? "name a file that sealift export wrote" : HINT_COPY_AGAIN },
    );
  }
  if (size > maxSize) {
    throw new SealiftError("BUNDLE_INVALID", `expected ${path} to have at most ${maxSize} bytes, got ${size}`, {
      hint: HINT_COPY_AGAIN,
    });
  }
  const file = placeFile(path, size, start);
  return { bytes: await source.read(file.position, size), next: positionAfter(file) };
}

/** A header block; less if the source ends before. */
async function readBlock(source: RandomAccessSource, start: number): Promise<Uint8Array> {
  return await source.read(start, Math.min(HEADER_BLOCK_SIZE, Math.max(source.size - start, 0)));
}

// Compares all between the end of one file's bytes and the start of the next one's.
async function assertGap(source: RandomAccessSource, end: number, file: PlacedFile): Promise<void> {
  const expected = new Uint8Array(file.position - end);
  expected.set(headerOf(file), file.headerPosition - end);
  const came = await source.read(end, expected.length);
  if (equal(came, expected)) return;
  const padding = came.subarray(0, file.headerPosition - end);
  const what = padding.every((byte) => byte === 0)
    ? describeHeader(came.subarray(padding.length))
    : "padding that is not zero";
  throw new SealiftError(
    "BUNDLE_INVALID",
    `expected the header of ${file.path} (${file.size} bytes) at byte ${file.headerPosition} of the bundle, got ${what}`,
    { hint: HINT_COPY_AGAIN },
  );
}

async function assertBytes(
  source: RandomAccessSource,
  position: number,
  expected: Uint8Array,
  what: string,
): Promise<void> {
  if (equal(await source.read(position, expected.length), expected)) return;
  throw new SealiftError("BUNDLE_INVALID", `expected ${what} at byte ${position} of the bundle, got other bytes`, {
    hint: HINT_COPY_AGAIN,
  });
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
