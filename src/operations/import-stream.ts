import { Readable } from "node:stream";
import { SealiftError } from "../errors/index.js";
import type { Digest } from "../oci/index.js";
import type { SequentialSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { runAsTheyCome, type Task } from "./concurrency/run-as-they-come.js";
import { completeImages, type ImportResult, importResult, type SendOptions } from "./import.js";
import { BundleContent } from "./read/bundle-content.js";
import { BundlePass } from "./read/bundle-pass.js";
import { describeSignature } from "./read/open-bundle.js";
import type { PassingEntry } from "./read/passing-entry.js";
import { announceTotal } from "./read/verify-entries.js";
import { walkImages } from "./read/walk-images.js";
import { addCounts, type BlobCounts, noBlobs } from "./send/blob-counts.js";
import { routeImages } from "./send/destination.js";
import { type FoundBlob, findLeftOut } from "./send/find-left-out.js";
import { groupBlobs, surveyBlobs } from "./send/import-blobs.js";
import { storeLeftOut, surveyLeftOut } from "./send/import-left-out.js";
import { type ImportTarget, openTargets, routeGraphs } from "./send/import-target.js";
import { type BlobBytes, storeBlob, type WantedBlob } from "./send/store-blob.js";

/** What importing a bundle needs that comes through a pipe. */
export interface ImportStreamOptions extends SendOptions {
  readonly source: SequentialSource;
  readonly trust: TrustPolicy;
}

// Blobs up to this size are sent from memory: several at a time, and again if
// the line breaks. Most layers are smaller, and a handful of them is little memory.
const MAX_IN_MEMORY = 8 * 1024 * 1024;

/**
 * Does the same as `importBundle`, in one pass: each blob is sent while it comes
 * by. Nothing is tagged before the last byte was checked.
 *
 * Whether what a delta leaves out is in the bundle all the same, as after a
 * merge, shows where it would come, which is before all other layers; if it is
 * not, it is looked for before anything is sent.
 *
 * @throws SealiftError as `importBundle`; `USAGE` if manifests and configs take
 * more memory than a pass may have; or what the source fails with.
 */
export async function importStream(options: ImportStreamOptions): Promise<ImportResult> {
  const pass = await BundlePass.open(options.source, options.trust);
  return await pass.namingParts(() => importPass(pass, options));
}

async function importPass(pass: BundlePass, options: ImportStreamOptions): Promise<ImportResult> {
  const { onEvent, signal } = options;
  onEvent({ type: "step", text: describeSignature(pass.bundle) });
  const routed = routeImages(pass.bundle.index.images, options.to);
  const content = new BundleContent(pass.bundle);
  const walked = await walkImages(pass.bundle, content, signal);
  await pass.readToLayers();
  const targets = await openTargets(routeGraphs(routed, walked), options.openDestination);
  const found = await findLeftOut(pass.bundle, new BundleContent(pass.bundle), targets, options);
  announceTotal(pass.unread(content.verified), onEvent);
  const plan = { pass, verified: content.verified, targets, found, options };
  const blobs = options.dryRun ? await surveyImages(plan) : await sendImages(plan);
  return importResult(pass.bundle, targets, blobs, options);
}

/** What is to be sent while the entries come by. */
interface StreamPlan {
  readonly pass: BundlePass;
  /** What was read and verified before the layers. */
  readonly verified: ReadonlySet<Digest>;
  readonly targets: readonly ImportTarget[];
  /** What the bundle leaves out, and where the registry has it. */
  readonly found: readonly FoundBlob[];
  readonly options: SendOptions;
}

async function surveyImages({ pass, verified, targets, found, options }: StreamPlan): Promise<BlobCounts> {
  for await (const _entry of pass.entries(verified, options.onEvent)) continue;
  await pass.finish();
  const content = new BundleContent(pass.bundle);
  return addCounts(surveyLeftOut(found), await surveyBlobs(targets, content, options));
}

async function sendImages({ pass, verified, targets, found, options }: StreamPlan): Promise<BlobCounts> {
  const stored = await storeLeftOut(found, options);
  const counts = noBlobs();
  const wanted = new Map(groupBlobs(targets).map((blob) => [blob.descriptor.digest, blob]));
  await runAsTheyCome(tasksOf(), options.concurrency, options.signal);
  await pass.finish();
  await completeImages(targets, options);
  return addCounts(stored, counts);

  async function* tasksOf(): AsyncGenerator<Task> {
    for await (const entry of pass.entries(verified, options.onEvent)) {
      const blob = wanted.get(entry.placed.entry.digest);
      if (blob !== undefined) yield await taskFor(entry, blob, counts, options);
    }
  }
}

async function taskFor(
  entry: PassingEntry,
  blob: WantedBlob,
  counts: BlobCounts,
  { onEvent }: SendOptions,
): Promise<Task> {
  // What the registry says to the small ones before may save a large one's only try.
  const isAlone = entry.placed.size > MAX_IN_MEMORY;
  const bytes = isAlone ? new PassingBytes(entry) : bytesInMemory(await entry.bytes());
  return {
    isAlone,
    run: async (signal) => {
      await storeBlob(blob, bytes, counts, { onEvent, signal });
    },
  };
}

function bytesInMemory(bytes: Uint8Array): BlobBytes {
  return { isGone: false, send: (put) => put(async () => Readable.from([bytes], { objectMode: false })) };
}

/** The bytes of an entry while it comes by. */
class PassingBytes implements BlobBytes {
  readonly #entry: PassingEntry;
  #isGone = false;

  constructor(entry: PassingEntry) {
    this.#entry = entry;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  async send(put: (open: () => Promise<Readable>) => Promise<void>): Promise<void> {
    await put(async () => {
      if (this.#isGone) throw this.#goneError();
      this.#isGone = true;
      return this.#entry.open();
    });
  }

  #goneError(): SealiftError {
    const { digest, size } = this.#entry.placed.entry;
    return new SealiftError(
      "REGISTRY_FAILED",
      `expected the registry to take ${digest} (${size} bytes) at the first try, since a pipe gives nothing twice, but that try broke off`,
      {
        hint: "run both sides again: only what the registry lacks is sent then; or write the bundle to a file, and import that",
      },
    );
  }
}
