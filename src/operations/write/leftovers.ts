import { type BundleIndex, encodeBundleIndex } from "../../bundle/format/index.js";
import { isSealiftError } from "../../errors/index.js";
import { digestOf } from "../../oci/index.js";
import {
  type EventListener,
  isResumableSink,
  type Leftover,
  type RandomAccessSink,
  type SignatureVerifier,
} from "../../ports/index.js";
import { SourceReader } from "../read/bundle-reader.js";
import { type BundleHead, readHead } from "../read/open-bundle.js";
import { type Preamble, preambleOf } from "../read/preamble.js";

/** What an interrupted run left, and the head of the bundle that it was to become. */
export interface LeftBundle {
  readonly leftover: Leftover;
  /** Signed by whomever; undefined if it did not reach the medium. */
  readonly head: BundleHead | undefined;
}

/**
 * Reads what earlier runs left in a sink. A journal that is of another bundle
 * than the file it lies beside is of no use, and said to be ignored.
 */
export async function readLeftovers(sink: RandomAccessSink, onEvent: EventListener): Promise<readonly LeftBundle[]> {
  if (!isResumableSink(sink)) return [];
  const left: LeftBundle[] = [];
  for (const leftover of sink.leftovers) {
    const head = await readLeftHead(leftover);
    if (head === undefined || head.indexDigest === leftover.indexDigest) left.push({ leftover, head });
    else {
      const text = `the journal of what an interrupted run left is of another bundle (index ${leftover.indexDigest}) and is ignored`;
      onEvent({ type: "warning", text });
    }
  }
  return left;
}

/** An index, and the bytes that are signed. */
export interface SignedIndex {
  readonly index: BundleIndex;
  readonly preamble: Preamble;
}

/**
 * The index that an interrupted run of the same export has signed: the same to
 * the byte as the new one, but for the time, and signed by the same key. What
 * was written below it can be gone on with where it lies.
 *
 * @param keepsTime - Whether the time, too, must be the same, because someone has set it.
 */
export function findSameIndex(
  left: readonly LeftBundle[],
  index: BundleIndex,
  key: SignatureVerifier,
  keepsTime: boolean,
): SignedIndex | undefined {
  for (const { head } of left) {
    if (head === undefined) continue;
    const { serial, created } = keepsTime ? index.identity : head.index.identity;
    const same = { ...index, identity: { ...index.identity, serial, created } };
    const bytes = encodeBundleIndex(same);
    if (digestOf(bytes) !== head.indexDigest || !key.verify(bytes, head.signature)) continue;
    return { index: same, preamble: preambleOf(bytes, head.signature, key.keyId) };
  }
  return undefined;
}

// Power may have failed before these bytes reached the medium, or it may have lost them since.
async function readLeftHead({ source }: Leftover): Promise<BundleHead | undefined> {
  try {
    return await readHead(new SourceReader(source), { kind: "allow-unsigned" });
  } catch (error) {
    if (isSealiftError(error)) return undefined;
    throw error;
  }
}
