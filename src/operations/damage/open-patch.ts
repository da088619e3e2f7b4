import {
  CHUNK_SIZE,
  HEADER_BLOCK_SIZE,
  headerOf,
  MAX_PATCH_INDEX_SIZE,
  PATCH_INDEX_PATH,
  type PatchIndex,
  type PatchLayout,
  type PlacedFile,
  parsePatchIndex,
  placeFile,
  planPatch,
  rangesIn,
  statedSize,
} from "../../bundle/format/index.js";
import { SealiftError } from "../../errors/index.js";
import type { RandomAccessSource } from "../../ports/index.js";

/** A patch that arrived as it was sent. Whether what it holds is right is for the bundle to say. */
export class Patch {
  readonly index: PatchIndex;
  readonly #source: RandomAccessSource;
  readonly #layout: PatchLayout;

  private constructor(source: RandomAccessSource, index: PatchIndex, layout: PatchLayout) {
    this.#source = source;
    this.index = index;
    this.#layout = layout;
  }

  /**
   * Reads and checks all of a patch.
   *
   * @throws SealiftError `BUNDLE_INVALID` if it is none, `DIGEST_MISMATCH` if it
   * was damaged on its way, `MEDIUM_FAILED`; or the signal's reason.
   */
  static async open(source: RandomAccessSource, signal: AbortSignal | undefined): Promise<Patch> {
    const bytes = await readIndex(source);
    const index = parsePatchIndex(bytes);
    const layout = planPatch(bytes.length, index.ranges);
    await assertForm(source, layout);
    for (const [at, { position, sha256 }] of index.ranges.entries()) {
      const file = layout.ranges[at];
      const op = signal === undefined ? {} : { signal };
      const came = file && (await source.digest(file.position, file.size, "sha256", op));
      if (came === `sha256:${sha256}`) continue;
      throw new SealiftError(
        "DIGEST_MISMATCH",
        `expected the bytes for position ${position} in the patch to have the SHA-256 ${sha256}, got ${came ?? "none"}`,
        { hint: HINT },
      );
    }
    return new Patch(source, index, layout);
  }

  /** Whether the patch has all bytes of a range. */
  covers(position: number, length: number): boolean {
    const { value } = rangesIn(this.index.ranges, position, length).next();
    return value !== undefined && value.position === position && value.length === length;
  }

  /** Whether the patch has any byte of a range. */
  touches(position: number, length: number): boolean {
    return rangesIn(this.index.ranges, position, length).next().done !== true;
  }

  /** The numbers of the chunks of a file of which the patch has any byte, from 0 on. */
  *chunksIn(position: number, size: number): Generator<number> {
    let next = 0;
    for (const part of rangesIn(this.index.ranges, position, size)) {
      const first = Math.floor((part.position - position) / CHUNK_SIZE);
      const end = Math.ceil((part.position + part.length - position) / CHUNK_SIZE);
      for (let chunk = Math.max(first, next); chunk < end; chunk += 1) yield chunk;
      next = Math.max(next, end);
    }
  }

  /**
   * These bytes of the bundle, with those that the patch has in the place of what
   * there is; the same object if they are the same.
   */
  async over(position: number, bytes: Uint8Array): Promise<Uint8Array> {
    let patched: Buffer | undefined;
    for (const part of rangesIn(this.index.ranges, position, bytes.length)) {
      const { position: rangePosition } = this.index.ranges[part.at] ?? part;
      const start = this.#layout.ranges[part.at]?.position ?? 0;
      const better = await this.#source.read(start + part.position - rangePosition, part.length);
      const at = part.position - position;
      if (Buffer.compare(better, bytes.subarray(at, at + part.length)) === 0) continue;
      patched ??= Buffer.from(bytes);
      patched.set(better, at);
    }
    return patched ?? bytes;
  }
}

const HINT = "the patch was damaged on its way: carry it over again, or make it anew with sealift patch";

async function readIndex(source: RandomAccessSource): Promise<Uint8Array> {
  const block = await source.read(0, Math.min(HEADER_BLOCK_SIZE, source.size));
  const size = statedSize(block, PATCH_INDEX_PATH);
  if (size === undefined || size > MAX_PATCH_INDEX_SIZE) {
    const came = size === undefined ? "something else" : `one of ${size} bytes`;
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected a patch, which begins with ${PATCH_INDEX_PATH} of at most ${MAX_PATCH_INDEX_SIZE} bytes, got ${came}`,
      { hint: "name the file that sealift patch wrote" },
    );
  }
  return await source.read(placeFile(PATCH_INDEX_PATH, size, 0).position, size);
}

async function assertForm(source: RandomAccessSource, layout: PatchLayout): Promise<void> {
  if (source.size !== layout.size) {
    throw new SealiftError("BUNDLE_INVALID", `expected a patch of ${layout.size} bytes, got ${source.size}`, {
      hint: HINT,
    });
  }
  let end = 0;
  for (const file of [layout.index, ...layout.ranges]) {
    await assertBytes(source, end, frameOf(end, file), file.path);
    end = file.position + file.size;
  }
  await assertBytes(source, end, new Uint8Array(layout.size - end), "its end");
}

async function assertBytes(
  source: RandomAccessSource,
  position: number,
  expected: Uint8Array,
  what: string,
): Promise<void> {
  if (Buffer.compare(await source.read(position, expected.length), expected) === 0) return;
  throw new SealiftError(
    "BUNDLE_INVALID",
    `expected the patch to be the tar that its first file determines, got other bytes at ${position}, before ${what}`,
    { hint: HINT },
  );
}

function frameOf(start: number, file: PlacedFile): Uint8Array {
  return Buffer.concat([new Uint8Array(file.headerPosition - start), headerOf(file)]);
}
