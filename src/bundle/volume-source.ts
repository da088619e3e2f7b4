import { dirname, join } from "node:path";
import { quote, SealiftError } from "../errors/index.js";
import type { Digest } from "../oci/index.js";
import type { ListedSource, Op, PartedSource, SizeExplainer } from "../ports/index.js";
import { HEADER_BLOCK_SIZE } from "./format/index.js";
import { isDeflated, openFound } from "./media/found-file.js";
import { type FoundVolumes, lastNumber, type PartSet } from "./media/part-set.js";
import { missingPart, type ResolvedPart, usualSize } from "./media/resolve-parts.js";
import type { MediumFile } from "./medium-file.js";
import { type Span, SpanSource } from "./span-source.js";
import { partName } from "./volumes-file.js";

// What export cuts parts at; a part that was cut off by chance rarely ends there.
const BLOCK_SIZE = HEADER_BLOCK_SIZE;

/** A bundle in several parts, each of them a file, or a stored entry of a ZIP. */
export class VolumeSource extends SpanSource implements PartedSource, ListedSource, SizeExplainer {
  readonly #set: PartSet;
  readonly #parts: readonly ResolvedPart[];

  private constructor(
    spans: readonly Span[],
    files: Iterable<MediumFile>,
    set: PartSet,
    parts: readonly ResolvedPart[],
  ) {
    super(spans, files);
    this.#set = set;
    this.#parts = parts;
  }

  /**
   * Opens all parts that are there; no part may be packed.
   *
   * @throws SealiftError `MEDIUM_FAILED`, `CONFIG_INVALID`.
   */
  static async open(set: PartSet, parts: readonly ResolvedPart[]): Promise<VolumeSource> {
    const files = new Map<string, MediumFile>();
    try {
      const spans: Span[] = [];
      const folder = folderOf(parts);
      for (const part of parts) {
        const span = await openSpan(part, files);
        const isMissing = part.file instanceof SealiftError && folder !== undefined;
        spans.push(isMissing ? { ...span, path: join(folder, partName(set.name, part.number)) } : span);
      }
      return new VolumeSource(spans, files.values(), set, parts);
    } catch (error) {
      for (const file of files.values()) await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  async nameParts(position: number, length: number, op: Op = {}): Promise<string> {
    const first = this.spanAt(position);
    const last = this.spanAt(position + Math.max(length, 1) - 1);
    const parts = this.#parts.slice(first, last + 1);
    // Where it lies in one part only, nothing need be read to name it.
    const wrong: ResolvedPart[] = [];
    for (const part of parts.length > 1 ? parts : []) if (!(await this.#isAsListed(part, op))) wrong.push(part);
    return (wrong.length === 0 ? parts : wrong).map((part) => this.#nameOf(part)).join(" or ");
  }

  get isListed(): boolean {
    return this.#set.volumes !== undefined;
  }

  get isComplete(): boolean {
    const usual = usualSize(this.#parts);
    return this.#parts.every(({ file, number }) => {
      if (file instanceof SealiftError) return false;
      return number === this.#parts.length || file.size === usual;
    });
  }

  listError(index: Digest, size: number): SealiftError | undefined {
    const { volumes } = this.#set;
    if (volumes === undefined) return undefined;
    const { label, content } = volumes;
    if (content.set !== index) return wrongList(label, `the bundle with the index ${index}`, content.set);
    if (content.size !== size) return wrongList(label, `a bundle of ${size} bytes`, `one of ${content.size}`);
    return this.#misplaced(volumes);
  }

  /**
   * Parts get shorter, not longer, when they are damaged, and not all by the same.
   * Where they are placed by other sizes than they have, all that is good in them
   * is read, and written, at the wrong place.
   */
  #misplaced({ label, content }: FoundVolumes): SealiftError | undefined {
    const count = content.parts.length;
    const [more] = this.#set.parts.get(lastNumber(this.#set)) ?? [];
    if (lastNumber(this.#set) > count && more !== undefined) {
      return wrongList(label, more.label, `${count} parts, to which it does not belong`);
    }
    const short = new Set<number>();
    for (const { file, size, number } of this.#parts) {
      if (file instanceof SealiftError || file.size === size) continue;
      const isOdd = file.size % BLOCK_SIZE !== 0 || file.size === 0;
      const isAlike = file.size > size || (!isOdd && short.has(file.size));
      if (isAlike) return wrongList(label, `part ${number} with ${file.size} bytes`, `one of ${size}`);
      short.add(file.size);
    }
    return undefined;
  }

  sizeError(size: number): SealiftError {
    const last = this.#parts.at(-1);
    const usual = usualSize(this.#parts);
    const odd = this.#parts.slice(0, -1).find((part) => part.size !== usual);
    const missing = size - this.size;
    if (last === undefined) return tooShort(`expected a bundle of ${size} bytes, got no parts`);
    if (odd !== undefined && usual - odd.size === missing) return this.#wrongSize(odd, usual);
    if (missing < 0) return this.#tooMuch(size, last);
    // What the last part should hold, if no other part is missing.
    const rest = size - this.startOf(this.#parts.length - 1);
    if (odd === undefined && usual >= rest && last.size < rest) return this.#wrongSize(last, rest);
    return missingPart(
      this.#set,
      last.number + 1,
      undefined,
      `the bundle has ${size} bytes, and its parts up to ${this.#nameOf(last)} have ${this.size}: name the folder that holds the rest, too`,
    );
  }

  #wrongSize(part: ResolvedPart, size: number): SealiftError {
    const what = part.size < size ? "it was cut off" : "it is too long";
    return tooShort(`expected ${this.#nameOf(part)} to have ${size} bytes, got ${part.size}: ${what}`);
  }

  #tooMuch(size: number, last: ResolvedPart): SealiftError {
    const end = this.spanAt(size - 1);
    const part = this.#parts[end] ?? last;
    if (part === last) return this.#wrongSize(last, size - this.startOf(end));
    const extra = this.#parts[end + 1] ?? last;
    return tooShort(
      `expected a bundle of ${size} bytes, which ends in ${this.#nameOf(part)}, got also ${this.#nameOf(extra)}: parts overlap, or are of another set`,
    );
  }

  #nameOf({ number, file }: ResolvedPart): string {
    const name = file instanceof SealiftError ? quote(this.#set.name) : file.label;
    return `part ${number} of ${this.#parts.length}, ${name}`;
  }

  /** Whether a part is what the volumes file says, which needs all of it to be read; unknown counts as yes. */
  async #isAsListed({ number, size, sha256, file }: ResolvedPart, { signal }: Op): Promise<boolean> {
    if (sha256 === undefined || file instanceof SealiftError) return true;
    if (file.size !== size) return false;
    const digest = await this.digest(this.startOf(number - 1), size, "sha256", signal === undefined ? {} : { signal });
    return digest === `sha256:${sha256}`;
  }
}

/** The folder of the first part that is there: where one that is missing should be. */
function folderOf(parts: readonly ResolvedPart[]): string | undefined {
  for (const { file } of parts) if (!(file instanceof SealiftError) && !file.isInZip) return dirname(file.path);
  return undefined;
}

async function openSpan({ file, size, number }: ResolvedPart, files: Map<string, MediumFile>): Promise<Span> {
  if (file instanceof SealiftError) return { name: `part ${number}`, size, content: file, path: undefined };
  if (isDeflated(file.packing)) throw new Error("a packed part has no place to be read at");
  const opened = files.get(file.path) ?? (await openFound(file));
  files.set(file.path, opened);
  return {
    name: file.label,
    size,
    content: { file: opened, offset: file.offset, length: Math.min(size, file.size) },
    path: file.isInZip ? undefined : file.path,
  };
}

function wrongList(label: string, expected: string, came: string): SealiftError {
  return new SealiftError("BUNDLE_INVALID", `expected ${label} to list ${expected}, got ${came}`, {
    hint: "it is of another bundle, or of an older one of that name: copy it again from where it was made, or remove it, as the parts are read without it, too; nothing was written",
  });
}

function tooShort(message: string): SealiftError {
  return new SealiftError("BUNDLE_INVALID", message, { hint: "copy this part again from where it was made" });
}
