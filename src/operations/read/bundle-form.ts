import {
  type BundleLayout,
  describeHeader,
  HEADER_BLOCK_SIZE,
  headerOf,
  isChunkSumsFile,
  type PlacedFile,
  placeFile,
  positionAfter,
  statedSize,
} from "../../bundle/format/index.js";
import { SealiftError } from "../../errors/index.js";
import type { BundleReader } from "./bundle-reader.js";

/** What to do about a bundle that is not as its index says. */
export const HINT_COPY_AGAIN =
  "do not use this file: copy the bundle again from where it was made, and find out what changed it";

/**
 * Reads one of the files whose size nothing but its own header states.
 *
 * @param before - The file before it; undefined at the start of the bundle.
 * @throws SealiftError `BUNDLE_INVALID` if another file is there, or one that is too large; as the reader.
 */
export async function readStatedFile(
  reader: BundleReader,
  path: string,
  maxSize: number,
  before?: PlacedFile,
): Promise<{ readonly file: PlacedFile; readonly bytes: Uint8Array }> {
  const start = before === undefined ? 0 : positionAfter(before);
  const padding = await reader.read(start - reader.position);
  const block = await reader.peek(HEADER_BLOCK_SIZE);
  const size = isZero(padding) ? statedSize(block, path) : undefined;
  if (size === undefined) {
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected a Sealift bundle, with ${path} at byte ${start}, got ${describeGap(padding, block)}`,
      { hint: start === 0 ? "name a file that sealift export wrote" : HINT_COPY_AGAIN },
    );
  }
  if (size > maxSize) {
    throw new SealiftError("BUNDLE_INVALID", `expected ${path} to have at most ${maxSize} bytes, got ${size}`, {
      hint: HINT_COPY_AGAIN,
    });
  }
  const file = placeFile(path, size, start);
  await reader.read(file.position - start);
  return { file, bytes: await reader.read(size) };
}

/**
 * Reads all between the last byte of the file before and the first of this one,
 * which are padding and header.
 *
 * @throws SealiftError `BUNDLE_INVALID` if they are anything else; as the reader.
 */
export async function expectHeader(reader: BundleReader, file: PlacedFile): Promise<void> {
  const end = reader.position;
  const expected = new Uint8Array(file.position - end);
  expected.set(headerOf(file), file.headerPosition - end);
  const came = await reader.read(expected.length);
  if (equal(came, expected)) return;
  const paddingSize = file.headerPosition - end;
  const what = describeGap(came.subarray(0, paddingSize), came.subarray(paddingSize));
  throw new SealiftError(
    "BUNDLE_INVALID",
    `expected the header of ${file.path} (${file.size} bytes) at byte ${file.headerPosition} of the bundle, got ${what}`,
    { hint: HINT_COPY_AGAIN },
  );
}

/**
 * Checks the file of the chunks' sums by the sum at its end.
 *
 * @param bytes - The whole file; it is read to its end if it is good.
 * @throws SealiftError `BUNDLE_INVALID` if the sum is another; or what `bytes` fails with.
 */
export async function expectChunkSums(bytes: AsyncIterable<Uint8Array>, { path, size }: PlacedFile): Promise<void> {
  if (await isChunkSumsFile(bytes, size)) return;
  throw new SealiftError(
    "BUNDLE_INVALID",
    `expected the sums in ${path} to have the sum that it ends with, got others`,
    {
      hint: HINT_COPY_AGAIN,
    },
  );
}

/**
 * Reads the zeros that end the tar, after the last file's bytes.
 *
 * @throws SealiftError `BUNDLE_INVALID` if they are anything else; as the reader.
 */
export async function expectTarEnd(reader: BundleReader, layout: BundleLayout): Promise<void> {
  await expectBytes(reader, new Uint8Array(layout.size - reader.position), "the zeros that end the tar");
}

/**
 * Reads bytes that are known beforehand.
 *
 * @param what - Names them in the error.
 * @throws SealiftError `BUNDLE_INVALID` if they are anything else; as the reader.
 */
export async function expectBytes(reader: BundleReader, expected: Uint8Array, what: string): Promise<void> {
  const { position } = reader;
  if (equal(await reader.read(expected.length), expected)) return;
  throw new SealiftError("BUNDLE_INVALID", `expected ${what} at byte ${position} of the bundle, got other bytes`, {
    hint: HINT_COPY_AGAIN,
  });
}

function describeGap(padding: Uint8Array, header: Uint8Array): string {
  return isZero(padding) ? describeHeader(header) : "padding that is not zero";
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
