import { filesOf, HEADER_BLOCK_SIZE, headerOf, isTarHeader, type PlacedFile } from "../../bundle/format/index.js";
import { isListedSource, isPlacedSource, type RandomAccessSource } from "../../ports/index.js";
import { sigstoreBundle } from "../../signing/index.js";
import { isBlob } from "../read/bundle-content.js";
import type { OpenBundle } from "../read/open-bundle.js";
import type { TolerantReads } from "./tolerant-reads.js";

/**
 * What a copy whose head is lost is to a bundle. `same`: bytes of the bundle are
 * where they should be, or there are none that could be lost. `another`: something
 * there belongs to another bundle. `unknown`: nothing tells.
 */
export type Kinship = "same" | "another" | "unknown";

/**
 * Compares what is left of a copy with a bundle. Bundles share blobs, and so
 * headers: one that is equal counts only if no header is another.
 *
 * @param head - The bundle's first bytes, up to its signature's last.
 * @throws SealiftError `MEDIUM_FAILED` if nothing can be read any more.
 */
export async function kinshipOf(reads: TolerantReads, bundle: OpenBundle, head: Uint8Array): Promise<Kinship> {
  const { layout } = bundle;
  const signed = await signatureKinship(reads, bundle);
  if (signed === "another") return signed;
  let isSame = signed === "same";
  // The other files are called the same in every bundle, and may have the same size.
  const telling = new Set<PlacedFile>([layout.chunkSums, ...layout.entries.filter(isBlob)]);
  for (const file of filesOf(layout).slice(2)) {
    const came = await headerKinship(reads, file);
    if (came === "another") return came;
    if (came === "same" && telling.has(file)) isSame = true;
  }
  // That the list names this bundle was checked before.
  if (isListedSource(reads.source) && reads.source.isListed) isSame = true;
  isSame ||= await hasBlockOf(reads, head);
  return isSame || (await hasNothingElse(reads, head)) ? "same" : "unknown";
}

async function headerKinship(reads: TolerantReads, file: PlacedFile): Promise<Kinship> {
  const header = headerOf(file);
  const came = await reads.read(file.headerPosition, header.length);
  if (came === undefined) return "unknown";
  if (Buffer.compare(came, header) === 0) return "same";
  const [block, planned] = [came.subarray(0, HEADER_BLOCK_SIZE), header.subarray(0, HEADER_BLOCK_SIZE)];
  return isTarHeader(block) && Buffer.compare(block, planned) !== 0 ? "another" : "unknown";
}

// In a Sigstore bundle, as signing/ writes it.
const DIGEST = /"digest":"([A-Za-z0-9+/]{43}=)"/;
const SIGNATURE = /"signature":"([A-Za-z0-9+/]{90,100}={0,2})"/;

/** The Sigstore bundle may have outlived the index and the signature, and names both. */
async function signatureKinship(reads: TolerantReads, bundle: OpenBundle): Promise<Kinship> {
  const { signature, indexDigest, index, layout } = bundle;
  const planned = Buffer.from(sigstoreBundle(signature, indexDigest, index.keyId));
  const came = await reads.read(layout.sigstoreBundle.position, planned.length);
  if (came === undefined) return "unknown";
  if (Buffer.compare(came, planned) === 0) return "same";
  const [text, expected] = [Buffer.from(came).toString("latin1"), planned.toString("latin1")];
  // If one of the two is damaged, the other is still equal.
  const areOthers = [DIGEST, SIGNATURE].every((pattern) => {
    const value = pattern.exec(text)?.[1];
    return value !== undefined && value !== pattern.exec(expected)?.[1];
  });
  return areOthers ? "another" : "unknown";
}

/** Whether a block of the head is where it should be: of the index, or its header, which states its exact size. */
async function hasBlockOf(reads: TolerantReads, head: Uint8Array): Promise<boolean> {
  for (let at = 0; at + HEADER_BLOCK_SIZE <= head.length; at += HEADER_BLOCK_SIZE) {
    const block = head.subarray(at, at + HEADER_BLOCK_SIZE);
    // The index' last block may end alike in any bundle, and the signature's header is the same in all.
    const isTelling = at === 0 || (block.every((byte) => byte !== 0) && !isTarHeader(block));
    if (!isTelling) continue;
    const came = await reads.read(at, block.length);
    if (came !== undefined && Buffer.compare(came, block) === 0) return true;
  }
  return false;
}

// How much is read at a time where only zeros should be, in bytes.
const STEP = 1024 * 1024;

/** Whether all that is there is zeros, or bytes of the head: then there is nothing that could be lost. */
async function hasNothingElse(reads: TolerantReads, head: Uint8Array): Promise<boolean> {
  const { source } = reads;
  for (let position = 0; position < source.size; ) {
    const length = stepFrom(source, position);
    const came = await reads.read(position, length);
    const isFine =
      came === undefined ? await beginsEmpty(reads, position, length, head) : isEmpty(came, position, head);
    if (!isFine) return false;
    position += length;
  }
  return true;
}

/** No more than lies in one file: the next one may be missing. */
function stepFrom(source: RandomAccessSource, position: number): number {
  const inFile = isPlacedSource(source) ? source.placeOf(position)?.length : undefined;
  return Math.min(STEP, source.size - position, inFile || STEP);
}

/** As {@link hasNothingElse}, of a stretch that may end before it should. */
async function beginsEmpty(reads: TolerantReads, position: number, length: number, head: Uint8Array): Promise<boolean> {
  for (let at = position; at < position + length; ) {
    const step = Math.min(HEADER_BLOCK_SIZE, position + length - at);
    const came = await reads.read(at, step);
    if (came === undefined) return (await lastBytes(reads, at, step)).every((byte) => byte === 0);
    if (!isEmpty(came, at, head)) return false;
    at += step;
  }
  return true;
}

/** What is there of a block that is not there as a whole. */
async function lastBytes(reads: TolerantReads, position: number, length: number): Promise<Uint8Array> {
  let [low, there] = [0, new Uint8Array()];
  for (let high = length; low + 1 < high; ) {
    const middle = Math.floor((low + high) / 2);
    const came = await reads.read(position, middle);
    if (came === undefined) high = middle;
    else [low, there] = [middle, came.slice()];
  }
  return there;
}

function isEmpty(bytes: Uint8Array, position: number, head: Uint8Array): boolean {
  return bytes.every((byte, at) => byte === 0 || byte === head[position + at]);
}
