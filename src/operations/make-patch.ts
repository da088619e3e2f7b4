import { createHash, type Hash } from "node:crypto";
import {
  type BundleLayout,
  type ByteRange,
  type DamageRequest,
  encodePatchIndex,
  filesOf,
  headerOf,
  type PatchLayout,
  type PlacedEntry,
  type PlacedFile,
  planPatch,
  rangesIn,
} from "../bundle/format/index.js";
import { SealiftError } from "../errors/index.js";
import { verifiedStream } from "../io/index.js";
import type { Digest } from "../oci/index.js";
import type { EventListener, Op, RandomAccessSink, RandomAccessSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { assertLayout, describeSignature, type OpenBundle, openBundle } from "./read/open-bundle.js";
import { announceTotal } from "./read/verify-entries.js";

/** What making a patch needs. */
export interface MakePatchOptions extends Op {
  /** The bundle as it was before it was damaged. */
  readonly source: RandomAccessSource;
  readonly trust: TrustPolicy;
  readonly request: DamageRequest;
  readonly openSink: () => Promise<RandomAccessSink>;
  readonly onEvent: EventListener;
}

/** A patch that was made. */
export interface MakePatchResult {
  /** The digest of the signed index of the bundle that it is for. */
  readonly indexDigest: Digest;
  readonly ranges: number;
  /** How many bytes of the bundle are in it. */
  readonly bytes: number;
  /** Of the patch, in bytes. */
  readonly size: number;
}

// What is copied at a time from between the entries, in bytes.
const COPY_STEP = 1024 * 1024;

/**
 * Writes what a request asks for. The entries that it touches are hashed as a
 * whole while they are read, so that no damage of this bundle gets into another.
 *
 * @throws SealiftError `CONFIG_INVALID` if the request is for another bundle or
 * form of it; as `openBundle` and `assertLayout`; `DIGEST_MISMATCH`; what writing fails with.
 */
export async function makePatch(options: MakePatchOptions): Promise<MakePatchResult> {
  const { source, request, onEvent, signal } = options;
  const bundle = await openBundle(source, options.trust);
  onEvent({ type: "step", text: describeSignature(bundle) });
  const { layout, indexDigest } = bundle;
  const ranges = rangesFor(request, bundle);
  await assertLayout(bundle, signal);
  await using sink = await options.openSink();
  const writer = new PatchWriter(sink, ranges, { index: indexDigest, size: layout.size });
  await sink.allocate(writer.layout.size);
  await copyRanges(bundle, ranges, writer, options);
  await writer.finish();
  signal?.throwIfAborted();
  await sink.commit();
  const bytes = ranges.reduce((sum, { length }) => sum + length, 0);
  return { indexDigest, ranges: ranges.length, bytes, size: writer.layout.size };
}

function rangesFor(request: DamageRequest, { layout, indexDigest }: OpenBundle): readonly ByteRange[] {
  const { position, size } = layout.sigstoreBundle;
  if (request.kind === "head") return [{ position: 0, length: position + size }];
  if (request.index !== indexDigest) {
    throw new SealiftError(
      "CONFIG_INVALID",
      `expected a request for this bundle, whose index is ${indexDigest}, got one for ${request.index}`,
      { hint: "name the bundle that was sent, or the request that came back for this one" },
    );
  }
  if (request.size === layout.size) return request.ranges;
  throw new SealiftError(
    "CONFIG_INVALID",
    `expected a request for a bundle of ${layout.size} bytes, got one for ${request.size}`,
    { hint: "it is for the other form of this delta: name the one that was sent, which was merged or was not" },
  );
}

async function copyRanges(
  { source, layout }: OpenBundle,
  ranges: readonly ByteRange[],
  writer: PatchWriter,
  { onEvent, signal }: MakePatchOptions,
): Promise<void> {
  const touches = ({ position, size }: PlacedFile) => rangesIn(ranges, position, size).next().done !== true;
  const entries = new Set<PlacedFile>(layout.entries.filter(touches));
  announceTotal([...entries].filter(isEntry), onEvent);
  for (const area of areasOf(layout)) {
    signal?.throwIfAborted();
    if (area.file !== undefined && entries.has(area.file) && isEntry(area.file)) {
      await copyEntry(source, area.file, writer, onEvent, signal);
    } else await copyPlain(source, area, ranges, writer);
  }
}

async function copyEntry(
  source: RandomAccessSource,
  { entry: { digest }, position, size }: PlacedEntry,
  writer: PatchWriter,
  onEvent: EventListener,
  signal: AbortSignal | undefined,
): Promise<void> {
  onEvent({ type: "blob-started", digest, bytes: size });
  const descriptor = { mediaType: "", digest, size };
  const stream = verifiedStream(source.stream(position, size), descriptor, "this bundle", (bytes) => {
    onEvent({ type: "blob-progress", digest, bytes });
  });
  let done = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    signal?.throwIfAborted();
    await writer.put(position + done, chunk);
    done += chunk.length;
  }
  onEvent({ type: "blob-finished", digest });
}

/** What is not in an entry follows from the index, and was compared with it; the sums of the chunks have their own. */
async function copyPlain(
  source: RandomAccessSource,
  { position, length }: ByteRange,
  ranges: readonly ByteRange[],
  writer: PatchWriter,
): Promise<void> {
  for (const part of rangesIn(ranges, position, length)) {
    for (let done = 0; done < part.length; done += COPY_STEP) {
      const at = part.position + done;
      await writer.put(at, await source.read(at, Math.min(COPY_STEP, part.length - done)));
    }
  }
}

interface Area extends ByteRange {
  /** The file whose content it is; undefined between two. */
  readonly file: PlacedFile | undefined;
}

/** All of a bundle, in its order: what is between the files, and their content. */
function* areasOf(layout: BundleLayout): Generator<Area> {
  let end = 0;
  for (const file of filesOf(layout)) {
    yield { position: end, length: file.position - end, file: undefined };
    yield { position: file.position, length: file.size, file };
    end = file.position + file.size;
  }
  yield { position: end, length: layout.size - end, file: undefined };
}

function isEntry(file: PlacedFile): file is PlacedEntry {
  return "entry" in file;
}

/** Puts bytes of a bundle, which come in their order, where they belong in a patch. */
class PatchWriter {
  readonly layout: PatchLayout;
  readonly #sink: RandomAccessSink;
  readonly #ranges: readonly ByteRange[];
  readonly #bundle: { readonly index: Digest; readonly size: number };
  readonly #hashes: readonly Hash[];

  constructor(sink: RandomAccessSink, ranges: readonly ByteRange[], bundle: { index: Digest; size: number }) {
    this.#sink = sink;
    this.#ranges = ranges;
    this.#bundle = bundle;
    this.#hashes = ranges.map(() => createHash("sha256"));
    this.layout = planPatch(this.#index(() => "0".repeat(64)).length, ranges);
  }

  /** Takes what is asked for of these bytes. */
  async put(position: number, bytes: Uint8Array): Promise<void> {
    for (const part of rangesIn(this.#ranges, position, bytes.length)) {
      const wanted = bytes.subarray(part.position - position, part.position - position + part.length);
      const start = (this.layout.ranges[part.at]?.position ?? 0) - (this.#ranges[part.at]?.position ?? 0);
      this.#hashes[part.at]?.update(wanted);
      await this.#sink.write(start + part.position, wanted);
    }
  }

  /** Writes all but the ranges. What nothing is written to is zeros, as it should be. */
  async finish(): Promise<void> {
    const index = this.#index((at) => this.#hashes[at]?.digest("hex") ?? "");
    await this.#sink.write(0, Buffer.concat([headerOf(this.layout.index), index]));
    for (const file of this.layout.ranges) await this.#sink.write(file.headerPosition, headerOf(file));
  }

  #index(sumOf: (at: number) => string): Uint8Array {
    return encodePatchIndex({
      ...this.#bundle,
      ranges: this.#ranges.map((range, at) => ({ ...range, sha256: sumOf(at) })),
    });
  }
}
