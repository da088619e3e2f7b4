import { type BundleEntry, type BundleImage, blobPath, referrerKey } from "../bundle/format/index.js";
import { SealiftError } from "../errors/index.js";
import type { Digest } from "../oci/index.js";
import type { Op } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { graphsOf } from "./graph/referrer-graph.js";
import { BundleContent } from "./read/bundle-content.js";
import { type CheckedBundle, checkedBundle } from "./read/checked-bundle.js";
import type { WalkedImage } from "./read/documents.js";
import type { OpenBundle } from "./read/open-bundle.js";
import { type NamedSource, openNamed } from "./read/open-named.js";

/** What a comparison needs. */
export interface DiffOptions extends Op {
  readonly before: NamedSource;
  readonly after: NamedSource;
  readonly trust: TrustPolicy;
}

/** A number of blobs, and their bytes together. */
export interface BlobTally {
  readonly blobs: number;
  readonly bytes: number;
}

/** One of the two bundles. */
export interface ComparedBundle extends CheckedBundle {
  /** Whether it is the delta form: it stands for all that its index lists, and holds less. */
  readonly isDelta: boolean;
}

/** An image that one of the two bundles does not have. */
export interface ComparedImage {
  readonly name: string;
  readonly digest: Digest;
  readonly platforms: readonly string[];
}

/** An image with what only the later bundle has of it; what several images share counts for each. */
export interface AddedImage extends ComparedImage {
  readonly newBlobs: BlobTally;
}

/** What came and what went. */
export interface Changes<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
}

/** An image that both bundles have, and not alike. */
export interface ChangedImage {
  readonly name: string;
  /** Of its root: the same if it is carried for other platforms, or other manifests refer to it. */
  readonly digest: { readonly before: Digest; readonly after: Digest };
  readonly platforms: Changes<string>;
  /** The digests of signatures, attestations and SBOMs. */
  readonly referrers: Changes<Digest>;
  readonly newBlobs: BlobTally;
}

/** What changed from one bundle to another. */
export interface DiffResult {
  readonly before: ComparedBundle;
  readonly after: ComparedBundle;
  readonly differs: boolean;
  readonly images: {
    readonly added: readonly AddedImage[];
    readonly removed: readonly ComparedImage[];
    readonly changed: readonly ChangedImage[];
    /** Their names. */
    readonly unchanged: readonly string[];
  };
  /** Manifests, configs and layers, by digest. */
  readonly blobs: { readonly onlyBefore: BlobTally; readonly onlyAfter: BlobTally; readonly both: BlobTally };
  /** If the later bundle were made as a delta of the earlier one. */
  readonly delta: { readonly carried: BlobTally; readonly leftOut: BlobTally };
}

/**
 * Says what changed from one bundle to another. It reads both indexes and the
 * later bundle's manifests, and checks all that it reads; layers are not read.
 *
 * @throws SealiftError as `openBundle` and `BundleContent.walk`; `SIZE_MISMATCH`
 * if the bundles state different sizes for one blob; or the signal's reason.
 */
export async function diffBundles({ before, after, trust, signal }: DiffOptions): Promise<DiffResult> {
  const { bundle: from } = await openNamed(before, trust);
  const { bundle: to } = await openNamed(after, trust);
  const blobs = { before: blobsOf(from), after: blobsOf(to) };
  assertSameSizes(blobs.before, blobs.after);
  const survey = await surveyImages(to, blobs.before, signal);
  const images = compareImages(from.index.images, to.index.images, survey.newBlobs);
  const shared = [...blobs.after.values()].filter(({ digest }) => blobs.before.has(digest));
  const leftOut = shared.filter(({ digest }) => !survey.metadata.has(digest));
  const carried = [...blobs.after.values()].filter(
    ({ digest }) => !blobs.before.has(digest) || survey.metadata.has(digest),
  );
  return {
    before: describeBundle(from),
    after: describeBundle(to),
    differs: images.added.length + images.removed.length + images.changed.length > 0,
    images,
    blobs: {
      onlyBefore: tally([...blobs.before.values()].filter(({ digest }) => !blobs.after.has(digest))),
      onlyAfter: tally([...blobs.after.values()].filter(({ digest }) => !blobs.before.has(digest))),
      both: tally(shared),
    },
    delta: { carried: tally(carried), leftOut: tally(leftOut) },
  };
}

function describeBundle(bundle: OpenBundle): ComparedBundle {
  return { ...checkedBundle(bundle), isDelta: bundle.layout.entries.length < bundle.index.entries.length };
}

// What a delta leaves out counts as well: whoever uses the delta has it.
function blobsOf({ index }: OpenBundle): ReadonlyMap<Digest, BundleEntry> {
  const blobs = index.entries.filter(({ path, digest }) => path === blobPath(digest));
  return new Map(blobs.map((entry) => [entry.digest, entry]));
}

function assertSameSizes(before: ReadonlyMap<Digest, BundleEntry>, after: ReadonlyMap<Digest, BundleEntry>): void {
  for (const { digest, size } of after.values()) {
    const other = before.get(digest)?.size ?? size;
    if (other === size) continue;
    throw new SealiftError(
      "SIZE_MISMATCH",
      `expected both bundles to state one size for ${digest}, got ${other} and ${size}`,
      { hint: "one of them lies: verify both" },
    );
  }
}

interface Survey {
  /** What is new of each image, by its name. */
  readonly newBlobs: ReadonlyMap<string, BlobTally>;
  /** Manifests and configs, which a delta always carries. */
  readonly metadata: ReadonlySet<Digest>;
}

async function surveyImages(
  to: OpenBundle,
  known: ReadonlyMap<Digest, BundleEntry>,
  signal: AbortSignal | undefined,
): Promise<Survey> {
  const content = new BundleContent(to);
  const newBlobs = new Map<string, BlobTally>();
  const metadata = new Set<Digest>();
  for (const image of to.index.images) {
    signal?.throwIfAborted();
    const walked = await content.walk(image);
    newBlobs.set(image.name, tallyNew(walked, known));
    for (const { manifests, platformManifests } of graphsOf(walked)) {
      for (const { descriptor } of manifests) metadata.add(descriptor.digest);
      for (const { manifest } of platformManifests) metadata.add(manifest.config.digest);
    }
  }
  return { newBlobs, metadata };
}

function tallyNew(image: WalkedImage, known: ReadonlyMap<Digest, BundleEntry>): BlobTally {
  const found = new Map<Digest, { readonly size: number }>();
  for (const { manifests, blobs } of graphsOf(image)) {
    for (const descriptor of [...manifests.map((manifest) => manifest.descriptor), ...blobs]) {
      if (!known.has(descriptor.digest)) found.set(descriptor.digest, descriptor);
    }
  }
  return tally([...found.values()]);
}

function compareImages(
  before: readonly BundleImage[],
  after: readonly BundleImage[],
  newBlobs: ReadonlyMap<string, BlobTally>,
): DiffResult["images"] {
  const old = new Map(before.map((image) => [image.name, image]));
  const names = new Set(after.map(({ name }) => name));
  const added: AddedImage[] = [];
  const changed: ChangedImage[] = [];
  const unchanged: string[] = [];
  for (const image of after) {
    const other = old.get(image.name);
    const fresh = newBlobs.get(image.name) ?? tally([]);
    if (other === undefined) added.push({ ...describeImage(image), newBlobs: fresh });
    else if (contentOf(other) === contentOf(image)) unchanged.push(image.name);
    else changed.push(describeChange(other, image, fresh));
  }
  return { added, removed: before.filter(({ name }) => !names.has(name)).map(describeImage), changed, unchanged };
}

function describeImage({ name, root, platforms }: BundleImage): ComparedImage {
  return { name, digest: root.digest, platforms };
}

function describeChange(before: BundleImage, after: BundleImage, newBlobs: BlobTally): ChangedImage {
  return {
    name: after.name,
    digest: { before: before.root.digest, after: after.root.digest },
    platforms: changes(before.platforms, after.platforms),
    referrers: changes(referrerDigests(before), referrerDigests(after)),
    newBlobs,
  };
}

/** Says the same of two images if a user of them has the same. */
function contentOf({ root, platforms, omitted, referrers = [] }: BundleImage): string {
  return JSON.stringify([
    root.digest,
    platforms.toSorted(),
    omitted.map(({ descriptor }) => descriptor.digest).sort(),
    referrers.map(referrerKey),
  ]);
}

function referrerDigests({ referrers = [] }: BundleImage): readonly Digest[] {
  return [...new Set(referrers.map(({ descriptor }) => descriptor.digest))];
}

function changes<T>(before: readonly T[], after: readonly T[]): Changes<T> {
  const [old, fresh] = [new Set(before), new Set(after)];
  return { added: after.filter((item) => !old.has(item)), removed: before.filter((item) => !fresh.has(item)) };
}

function tally(blobs: readonly { readonly size: number }[]): BlobTally {
  return { blobs: blobs.length, bytes: blobs.reduce((sum, { size }) => sum + size, 0) };
}
