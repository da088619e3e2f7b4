import type { BundleIdentity } from "../../bundle/format/index.js";
import { isSealiftError, quote, SealiftError } from "../../errors/index.js";
import { MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE } from "../../oci/index.js";
import type { RandomAccessSource } from "../../ports/index.js";
import type { KnownBytes } from "../graph/shared-metadata.js";
import { BundleContent } from "../read/bundle-content.js";
import { looksLikeBundle, openBundle } from "../read/open-bundle.js";
import { type FindLocalBlob, localBlob } from "./local-blobs.js";

// The end of the year 9999: a serial beyond it is no time, and counting on from
// it would come to an end.
const MAX_SERIAL = 253_402_300_799;

/**
 * Where a new bundle stands among those of its stream. The serial needs no state
 * that could be lost: time moves on by itself, and where a clock was set back,
 * the bundle that is replaced says how far.
 */
export function nextIdentity(stream: string, created: Date, replaced: ReplacedBundle | undefined): BundleIdentity {
  const serial = Math.floor(created.getTime() / 1000);
  return {
    stream,
    serial: replaced === undefined ? serial : Math.max(serial, replaced.serial + 1),
    created: `${created.toISOString().slice(0, 19)}Z`,
    previous: replaced?.indexDigest ?? null,
  };
}

/** What a new bundle takes over from the one that it replaces. */
export interface ReplacedBundle {
  readonly serial: number;
  readonly indexDigest: Exclude<BundleIdentity["previous"], null>;
  /** The verified bytes of a manifest or config; undefined if it has none, or none that are whole. */
  readonly read: KnownBytes;
  /** Its blobs, as they lie there. */
  readonly findBlob: FindLocalBlob;
}

/**
 * Reads what stands in the place of a new bundle. It is replaced anyway, so it
 * is read without regard to who signed it; a damaged bundle is replaced as if
 * it were not there.
 *
 * @param path - Names it in the error.
 * @throws SealiftError `FILE_EXISTS` if it is no bundle: replacing it could lose data.
 */
export async function readReplaced(source: RandomAccessSource, path: string): Promise<ReplacedBundle | undefined> {
  if (source.size === 0) return undefined;
  if (!(await looksLikeBundle(source))) {
    throw new SealiftError("FILE_EXISTS", `expected to replace a bundle, but ${quote(path)} is something else`, {
      hint: "move that file away, or choose another name with --output",
    });
  }
  try {
    const bundle = await openBundle(source, { kind: "allow-unsigned" });
    const { indexDigest, index } = bundle;
    const { serial } = index.identity;
    if (serial >= MAX_SERIAL) return undefined;
    const content = new BundleContent(bundle);
    return { serial, indexDigest, read: readerOf(content), findBlob: finderOf(content, source) };
  } catch (error) {
    if (isSealiftError(error, "BUNDLE_INVALID")) return undefined;
    throw error;
  }
}

// Whoever made the bundle, bytes that have their digest are the registry's.
function readerOf(content: BundleContent): KnownBytes {
  return async (descriptor) => {
    if (!content.holds(descriptor)) return undefined;
    return await content.read(descriptor, Math.max(MAX_MANIFEST_SIZE, MAX_CONFIG_SIZE)).catch((error: unknown) => {
      if (isSealiftError(error)) return undefined;
      throw error;
    });
  };
}

function finderOf(content: BundleContent, source: RandomAccessSource): FindLocalBlob {
  return ({ digest, size }) => {
    const placed = content.find(digest);
    return placed?.size === size ? localBlob(source, placed.position, size, false) : undefined;
  };
}
