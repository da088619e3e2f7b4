import { type BundleIdentity, type BundleImage, blobPath, planForm } from "../bundle/format/index.js";
import { quote, SealiftError } from "../errors/index.js";
import { HashThread } from "../io/index.js";
import { type Digest, digestOf } from "../oci/index.js";
import type { EventListener, RandomAccessSink } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { describeBase } from "./delta/left-out.js";
import { graphsOf } from "./graph/referrer-graph.js";
import { BundleBlobs, type TakenBlobs } from "./read/bundle-blobs.js";
import { absentEntries, assertDigest, BundleContent } from "./read/bundle-content.js";
import { encodeDocuments, type WalkedImage } from "./read/documents.js";
import { assertLayout, describeSignature, type OpenBundle } from "./read/open-bundle.js";
import { type NamedBundle, type NamedSource, openNamed } from "./read/open-named.js";
import { type Preamble, preambleOf } from "./read/preamble.js";
import { walkImages } from "./read/walk-images.js";
import type { PendingBlob } from "./write/blob-slot.js";
import { commitBundle, type FinishOptions, type ReadBackFrom } from "./write/commit-bundle.js";
import { fillBundle } from "./write/fill-bundle.js";
import { readLeftovers } from "./write/leftovers.js";

/** What a merge needs. */
export interface MergeOptions extends FinishOptions {
  /** The bundles that have what the delta leaves out. */
  readonly bases: readonly NamedSource[];
  readonly delta: NamedSource;
  /** For each of them. */
  readonly trust: TrustPolicy;
  /** How many blobs are copied at the same time. */
  readonly concurrency: number;
  readonly openSink: () => Promise<RandomAccessSink>;
}

/** What a merge made. */
export interface MergeResult {
  /** Identity and index are the delta's own. */
  readonly identity: BundleIdentity;
  readonly indexDigest: Digest;
  /** The key that signed the delta; undefined if no signature was asked for. */
  readonly signedBy: string | undefined;
  /** In bytes. */
  readonly size: number;
  readonly images: readonly BundleImage[];
  /** What came from each bundle but the delta. */
  readonly taken: readonly TakenBlobs[];
  /** Undefined if it was not to be read back. */
  readonly readBackFrom: ReadBackFrom | undefined;
}

/**
 * Writes the full form of a delta: under the index and the signature that the
 * delta has, so that no private key is needed. What the delta leaves out comes
 * from other bundles.
 *
 * The delta is checked as `verifyBundle` does it, but for the layers, which are
 * hashed on their way, as is all that comes from the others. Of these, the
 * signatures are checked. The sink is opened only once it is known that every
 * blob is there.
 *
 * @throws SealiftError `USAGE` if the last bundle is no delta, or a blob is in
 * none of them; as `verifyBundle`; whatever writing can fail with.
 */
export async function mergeBundles(options: MergeOptions): Promise<MergeResult> {
  const { delta, onEvent, signal } = options;
  const bundle = await openDelta(options);
  const bases = await openBases(options);
  for (const { name, bundle: base } of bases) warnOfNewer(name, base, bundle, onEvent);
  await assertLayout(bundle, signal);
  const images = await walkImages(bundle, new BundleContent(bundle), signal);
  await using hashThread = new HashThread(() => undefined);
  const blobs = new BundleBlobs([{ name: delta.name, bundle }, ...bases], hashThread, onEvent);
  assertNothingMissing(bundle, images, blobs);
  const written = await write(bundle, images, blobs, options);
  const { index, indexDigest, signedBy } = bundle;
  return {
    identity: index.identity,
    indexDigest,
    signedBy: signedBy?.keyId,
    ...written,
    images: index.images,
    taken: blobs.taken.slice(1),
  };
}

async function openDelta({ delta, trust, onEvent }: MergeOptions): Promise<OpenBundle> {
  const { bundle } = await openNamed(delta, trust);
  onEvent({ type: "step", text: describeSignature(bundle) });
  if (bundle.form === "delta") return bundle;
  throw new SealiftError("USAGE", `expected the last bundle to be a delta, but ${quote(delta.name)} is whole`, {
    hint: "there is nothing to merge into it: use it as it is, or name the delta last",
  });
}

async function openBases({ bases, trust }: MergeOptions): Promise<readonly NamedBundle[]> {
  const opened: NamedBundle[] = [];
  for (const base of bases) opened.push(await openNamed(base, trust));
  return opened;
}

/** Who names bundles by a pattern gets them in the order of their names, not of their times. */
function warnOfNewer(name: string, base: OpenBundle, delta: OpenBundle, onEvent: EventListener): void {
  const made = base.index.identity.created;
  const { created } = delta.index.identity;
  if (made <= created) return;
  const text = `${quote(name)} was made at ${made}, after the delta (${created}): the result is as old as the delta, which is the bundle that was named last`;
  onEvent({ type: "warning", text });
}

function assertNothingMissing(bundle: OpenBundle, images: readonly WalkedImage[], blobs: BundleBlobs): void {
  const absent = absentEntries(bundle);
  const missing = new Set(absent.filter((entry) => !blobs.holds(entry)).map(({ digest }) => digest));
  if (missing.size === 0) return;
  const { bases = [], leftOut = [] } = bundle.index.delta ?? {};
  const lacks = bases.flatMap((base, at) => {
    const count = leftOut.filter((blob) => blob.base === at && missing.has(blob.digest)).length;
    return count === 0 ? [] : [`${count} that ${describeBase(base)} stands for`];
  });
  const names = images.filter((image) => needs(image, missing)).map(({ image }) => image.name);
  throw new SealiftError(
    "USAGE",
    `expected the other bundles to have the ${absent.length} blobs that the delta leaves out, got none of these: ${lacks.join("; ")}; without them, ${namesText(names)} would not be whole`,
    { hint: "name that bundle, too, before the delta, or any other that has these blobs" },
  );
}

function needs(image: WalkedImage, missing: ReadonlySet<Digest>): boolean {
  return graphsOf(image).some((graph) => graph.blobs.some(({ digest }) => missing.has(digest)));
}

// As many names as are pleasant to read in one line.
const MAX_NAMES = 3;

function namesText(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  return `${names.slice(0, MAX_NAMES).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

async function write(
  bundle: OpenBundle,
  images: readonly WalkedImage[],
  source: BundleBlobs,
  options: MergeOptions,
): Promise<Pick<MergeResult, "size" | "readBackFrom">> {
  const layout = planForm(bundle.sizes, bundle.index, "full");
  const known = new Map(encodeDocuments(images));
  const blobs = new Map<string, PendingBlob>();
  for (const graph of images.flatMap(graphsOf)) {
    for (const { descriptor, bytes } of graph.manifests) known.set(blobPath(descriptor.digest), bytes);
    for (const descriptor of graph.blobs) blobs.set(blobPath(descriptor.digest), { descriptor, source });
  }
  const plan = { layout, preamble: await readPreamble(bundle), known, blobs };
  await using sink = await options.openSink();
  const left = await readLeftovers(sink, options.onEvent);
  const sums = await fillBundle(plan, sink, { ...options, left });
  return { size: layout.size, readBackFrom: await commitBundle(plan, sums, sink, options) };
}

async function readPreamble({ source, layout, index, indexDigest, signature }: OpenBundle): Promise<Preamble> {
  const { position, size, path } = layout.index;
  const bytes = await source.read(position, size);
  // The file may have been changed since it was checked.
  assertDigest(indexDigest, digestOf(bytes), path);
  return preambleOf(bytes, signature, index.keyId);
}
