import type { ByteRange, FramePiece, PlacedFile } from "../../bundle/format/index.js";
import { isPlacedSource, type RandomAccessSource } from "../../ports/index.js";
import type { OpenBundle } from "../read/open-bundle.js";
import { fileUsers } from "./damaged-images.js";

/**
 * What is wrong with bytes of a bundle. `missing`: they are not there, or cannot
 * be read. `header`: they should be a tar header, padding, or something else
 * that follows from the index. `content`: they are not what a file should hold.
 */
export type Fault = "missing" | "header" | "content";

/** Bytes of a bundle that are wrong. */
export interface Finding extends ByteRange {
  readonly fault: Fault;
  /** The file of the tar that they belong to; undefined for the end of the tar. */
  readonly path: string | undefined;
}

/** A {@link Finding}, with all that a person wants to know of it. */
export interface DamagedBytes extends Finding {
  /** The images that need the file. */
  readonly images: readonly string[];
  /** The files on the medium in which they lie, or should; none if that is not known. */
  readonly places: readonly DamagedPlace[];
}

/** Where damaged bytes lie in a file on the medium. */
export interface DamagedPlace {
  readonly file: string;
  /** Where in the file they begin, in bytes. */
  readonly offset: number;
}

/** Collects what is wrong with a bundle. */
export class Findings {
  readonly #findings: Finding[] = [];

  get count(): number {
    return this.#findings.length;
  }

  addFrame({ position, bytes, file }: FramePiece, isThere: boolean): void {
    this.add(isThere ? "header" : "missing", { position, length: bytes.length }, file);
  }

  add(fault: Fault, { position, length }: ByteRange, file: PlacedFile | undefined): void {
    if (length > 0) this.#findings.push({ fault, path: file?.path, position, length });
  }

  /** The whole content of a file, of a bundle of which `sourceSize` bytes are there. */
  addFile(file: PlacedFile, sourceSize: number): void {
    const isThere = file.position + file.size <= sourceSize;
    this.add(isThere ? "content" : "missing", { position: file.position, length: file.size }, file);
  }

  /** In the order of the bundle; what follows each other, and is of one kind and file, is one. */
  get sorted(): readonly Finding[] {
    const sorted: Finding[] = [];
    for (const finding of this.#findings.toSorted((a, b) => a.position - b.position)) {
      const last = sorted.at(-1);
      if (
        last?.fault === finding.fault &&
        last.path === finding.path &&
        last.position + last.length === finding.position
      ) {
        sorted[sorted.length - 1] = { ...last, length: last.length + finding.length };
      } else sorted.push(finding);
    }
    return sorted;
  }
}

/**
 * Says of each finding where it lies and whom it concerns.
 *
 * @throws SealiftError `MEDIUM_FAILED`; or the signal's reason.
 */
export async function describeDamage(
  bundle: OpenBundle,
  findings: readonly Finding[],
  signal: AbortSignal | undefined,
): Promise<readonly DamagedBytes[]> {
  if (findings.length === 0) return [];
  const users = await fileUsers(bundle, signal);
  return findings.map((finding) => ({
    ...finding,
    images: finding.path === undefined ? [] : users.of(finding.path),
    places: placesOf(bundle.source, finding),
  }));
}

function placesOf(source: RandomAccessSource, { position, length }: ByteRange): readonly DamagedPlace[] {
  const places: DamagedPlace[] = [];
  if (!isPlacedSource(source)) return places;
  for (let done = 0; done < length; ) {
    const place = source.placeOf(position + done);
    if (place === undefined) break;
    places.push({ file: place.path, offset: place.offset });
    // What is behind the end of the last file belongs to it.
    done += place.length === 0 ? length : place.length;
  }
  return places;
}
