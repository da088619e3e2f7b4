import {
  BUNDLE_INDEX_PATH,
  type BundleForm,
  type BundleIndex,
  type BundleLayout,
  formAt,
  formMark,
  HEADER_BLOCK_SIZE,
  MAX_INDEX_SIZE,
  type PlacedEntry,
  type PlacedFile,
  type PreambleSizes,
  parseBundleIndex,
  planForm,
  planLayout,
  SIGNATURE_PATH,
  statedSize,
} from "../../bundle/format/index.js";
import { quote, SealiftError } from "../../errors/index.js";
import { type Digest, digestOf } from "../../oci/index.js";
import { isSizeExplainer, type RandomAccessSource, type SignatureVerifier } from "../../ports/index.js";
import { checkSignature, sigstoreBundle, type TrustPolicy } from "../../signing/index.js";
import {
  expectBytes,
  expectChunkSums,
  expectHeader,
  expectTarEnd,
  HINT_COPY_AGAIN,
  readStatedFile,
} from "./bundle-form.js";
import { type BundleReader, SourceReader } from "./bundle-reader.js";
import { inParts } from "./in-parts.js";

/** The head of a bundle: its index, which is trusted. */
export interface BundleHead {
  readonly index: BundleIndex;
  readonly indexDigest: Digest;
  readonly signature: Uint8Array;
  /** The trusted key that signed; undefined if the policy asked for none. */
  readonly signedBy: SignatureVerifier | undefined;
  /** Of the files before the entries. */
  readonly sizes: PreambleSizes;
}

/** A bundle whose index is trusted, and whose small entries can be had. */
export interface ReadableBundle extends BundleHead {
  /** What it is read from, which may be able to name its parts. */
  readonly source: object;
  /** The bytes of an entry, whether they are right or not. */
  readonly readEntry: (placed: PlacedEntry) => Promise<Uint8Array>;
  /** Whether what the index leaves out is there all the same. */
  readonly form: BundleForm;
  /** Of the entries that are there in this form. */
  readonly layout: BundleLayout;
}

/** A bundle whose index is trusted; nothing else has been looked at. */
export interface OpenBundle extends ReadableBundle {
  readonly source: RandomAccessSource;
}

// A P-256 signature in DER takes at most 72 bytes; anything near this is no signature.
export const MAX_SIGNATURE_SIZE = 512;

/** No head is larger, in bytes: index, signature, Sigstore bundle, their headers and padding. */
export const MAX_HEAD_SIZE = MAX_INDEX_SIZE + 64 * 1024;

/**
 * Reads and checks what comes first in a bundle: the index and its signature.
 * The index is parsed only once its signature is known to be good.
 *
 * @throws SealiftError `BUNDLE_INVALID`, `SIGNATURE_INVALID`, `KEY_MISSING`, `MEDIUM_FAILED`.
 */
export async function openBundle(source: RandomAccessSource, trust: TrustPolicy): Promise<OpenBundle> {
  const start = { position: 0, size: HEADER_BLOCK_SIZE };
  const head = await inParts(source, start, () => readHead(new SourceReader(source), trust));
  return inForm(source, head, await readForm(source, head));
}

/** A bundle of which it is known in which form it is. */
export function inForm(source: RandomAccessSource, head: BundleHead, form: BundleForm): OpenBundle {
  const readEntry = ({ position, size }: PlacedEntry) => source.read(position, size);
  return { ...head, source, form, layout: planForm(head.sizes, head.index, form), readEntry };
}

/**
 * Reads the index and its signature, up to the signature's last byte.
 *
 * @throws SealiftError as {@link openBundle}.
 */
export async function readHead(reader: BundleReader, trust: TrustPolicy): Promise<BundleHead> {
  const indexFile = await readStatedFile(reader, BUNDLE_INDEX_PATH, MAX_INDEX_SIZE);
  const signatureFile = await readStatedFile(reader, SIGNATURE_PATH, MAX_SIGNATURE_SIZE, indexFile.file);
  const signature = signatureFile.bytes;
  const signedBy = checkSignature(trust, indexFile.bytes, signature);
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
    signature: signature.length,
    sigstoreBundle: sigstoreBundle(signature, indexDigest, index.keyId).length,
  };
  return { index, indexDigest, signature, signedBy, sizes };
}

/**
 * Checks that the tar is, header for header, the one that the index determines:
 * its size, every header, all padding, the end, and the files before and after
 * the entries. A doubled, hidden, swapped or extra entry cannot pass.
 *
 * @throws SealiftError `BUNDLE_INVALID`, `MEDIUM_FAILED`; or the signal's reason.
 */
export async function assertLayout(bundle: OpenBundle, signal: AbortSignal | undefined): Promise<void> {
  const { source, layout } = bundle;
  if (source.size !== layout.size) {
    if (isSizeExplainer(source)) throw source.sizeError(layout.size);
    throw new SealiftError("BUNDLE_INVALID", `expected a bundle of ${layout.size} bytes, got ${source.size}`, {
      hint: source.size < layout.size ? "it was cut off: copy it again from where it was made" : HINT_COPY_AGAIN,
    });
  }
  const reader = new SourceReader(source);
  for (const file of [layout.index, layout.signature]) await passOver(source, reader, file);
  await expectSigstoreBundle(reader, bundle, layout);
  for (const file of layout.entries) {
    signal?.throwIfAborted();
    await passOver(source, reader, file);
  }
  await passOver(source, reader, layout.chunkSums);
  await expectChunkSums(source.stream(layout.chunkSums.position, layout.chunkSums.size), layout.chunkSums);
  await expectTarEnd(reader, layout);
}

/**
 * Reads the file that has the signature in another form.
 *
 * @throws SealiftError `BUNDLE_INVALID` if it is not there; as the reader.
 */
export async function expectSigstoreBundle(
  reader: BundleReader,
  { signature, indexDigest, index }: BundleHead,
  { sigstoreBundle: file }: BundleLayout,
): Promise<void> {
  await expectHeader(reader, file);
  const expected = sigstoreBundle(signature, indexDigest, index.keyId);
  await expectBytes(reader, expected, "the Sigstore bundle of the signature");
}

async function passOver(source: object, reader: SourceReader, file: PlacedFile): Promise<void> {
  const header = { position: file.headerPosition, size: file.position - file.headerPosition };
  await inParts(source, header, () => expectHeader(reader, file));
  reader.skip(file.size);
}

/** Whether a file begins as a bundle does, be it whole or not. */
export async function looksLikeBundle(source: RandomAccessSource): Promise<boolean> {
  const block = await new SourceReader(source).peek(HEADER_BLOCK_SIZE);
  return statedSize(block, BUNDLE_INDEX_PATH) !== undefined;
}

/** One line on who signed, for the user. */
export function describeSignature({ signedBy }: BundleHead): string {
  return signedBy === undefined ? "The signature was NOT checked" : `Signed by the trusted key ${signedBy.keyId}`;
}

// Where the header that tells the forms apart is damaged, the size does.
async function readForm(source: RandomAccessSource, { sizes, index }: BundleHead): Promise<BundleForm> {
  const mark = formMark(sizes, index);
  if (mark === undefined) return "full";
  const form = formAt(mark, await readUpTo(source, mark.position, mark.header.length));
  return form === "delta" && source.size === planLayout(sizes, index.entries).size ? "full" : form;
}

async function readUpTo(source: RandomAccessSource, start: number, length: number): Promise<Uint8Array> {
  return await source.read(start, Math.min(length, Math.max(source.size - start, 0)));
}
