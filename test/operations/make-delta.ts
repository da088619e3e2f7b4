import {
  type BundleEntry,
  type BundleIndex,
  blobPath,
  type Delta,
  type PlacedFile,
} from "../../src/bundle/format/index.js";
import { type Digest, digestOf } from "../../src/oci/index.js";
import { blobsInOrder } from "../../src/operations/graph/entry-order.js";
import { graphsOf } from "../../src/operations/graph/referrer-graph.js";
import { BundleContent } from "../../src/operations/read/bundle-content.js";
import { type OpenBundle, openBundle } from "../../src/operations/read/open-bundle.js";
import type { TestKeys } from "../support/keys.js";
import { MemorySource } from "../support/memory-source.js";
import { assembleBundle, signIndex } from "./assemble-bundle.js";

// The files before the blobs, which name the images for other readers.
const DOCUMENTS = 3;

/** Both forms of one delta. */
export interface MadeDelta {
  readonly index: BundleIndex;
  readonly indexDigest: Digest;
  /** The delta form: what an export writes. */
  readonly bytes: Buffer;
  /** The full form: what a merge should write. */
  readonly merged: Buffer;
}

/** What {@link makeDelta} takes. */
export interface MakeDeltaOptions {
  /** The bundle to make a delta of: the whole of it. */
  readonly full: Buffer;
  readonly base: Buffer;
  /** What is left out, of what both bundles have. */
  readonly leaveOut: (digest: Digest) => boolean;
  readonly keys: TestKeys;
  /** Changes the index before it is signed. */
  readonly change?: (index: BundleIndex) => BundleIndex;
}

/** Makes a delta of a whole bundle, past `export --since`: one that it would never make, too. */
export async function makeDelta({ full, base, leaveOut, keys, change }: MakeDeltaOptions): Promise<MadeDelta> {
  const [later, earlier] = [await open(full), await open(base)];
  const known = new Set(earlier.index.entries.map(({ digest }) => digest));
  const entries = later.index.entries.slice(DOCUMENTS);
  const left = new Set(entries.flatMap(({ digest }) => (known.has(digest) && leaveOut(digest) ? [digest] : [])));
  const ordered = await inOrder(later, left);
  const leftOut = ordered
    .filter(({ digest }) => left.has(digest))
    .map(({ digest }) => ({ digest, base: 0, repository: "team/app" }));
  const { stream, serial, created } = earlier.index.identity;
  const { indexDigest } = earlier;
  const delta: Delta = { bases: [{ kind: "bundle", stream, serial, created, indexDigest }], leftOut };
  const plain = { ...later.index, entries: [...later.index.entries.slice(0, DOCUMENTS), ...ordered], delta };
  const index = change?.(plain) ?? plain;
  const contentOf = (file: PlacedFile): Uint8Array => {
    const original = later.layout.entries.find(({ path }) => path === file.path);
    if (original === undefined) throw new Error(`the bundle has no ${file.path}`);
    return full.subarray(original.position, original.position + original.size);
  };
  const signed = signIndex(index, keys);
  return {
    index,
    indexDigest: digestOf(signed.bytes),
    bytes: await assembleBundle(signed, "delta", contentOf),
    merged: await assembleBundle(signed, "full", contentOf),
  };
}

/** The blobs of a bundle as those of a delta are ordered. */
async function inOrder(bundle: OpenBundle, left: ReadonlySet<Digest>): Promise<readonly BundleEntry[]> {
  const content = new BundleContent(bundle);
  const images = await Promise.all(bundle.index.images.map((image) => content.walk(image)));
  const blobs = blobsInOrder(images.flatMap(graphsOf), left);
  return blobs.map(({ digest, size }) => ({ path: blobPath(digest), digest, size }));
}

async function open(bytes: Buffer) {
  return await openBundle(new MemorySource(bytes), { kind: "allow-unsigned" });
}
