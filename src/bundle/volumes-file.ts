import { createHash } from "node:crypto";
import * as z from "zod";
import { quote, SealiftError } from "../errors/index.js";
import { type Digest, digestSchema, listOf, parseJson, sizeSchema } from "../oci/index.js";

/** The version of the volumes file that docs/format.md describes. */
const FORMAT_VERSION = 1;

/**
 * The most parts of a set. Three digits number them all, so that a shell lists
 * them in their order; and nobody carries a thousand.
 */
export const MAX_PARTS = 999;

/** The largest volumes file, in bytes: 999 parts with names of 255 bytes, escaped as JSON, take less. */
export const MAX_VOLUMES_FILE_SIZE = 2 * 1024 * 1024;

/** How many bytes at either end of a part tell which part it is. */
export const EDGE_SIZE = 4096;

/** One part of a bundle that was cut into volumes. */
export interface VolumePart {
  /** A file name without a folder: the bundle's, and the part's number. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Of all its bytes, in hexadecimal, as sha256sum prints it. */
  readonly sha256: string;
  /** {@link edgesOf} it. */
  readonly edges: string;
}

/**
 * What lies beside the parts of a bundle and says which there are. Nobody signs
 * it: it helps to name what is wrong, and to make it right means nothing.
 */
export interface VolumesFile {
  readonly formatVersion: typeof FORMAT_VERSION;
  /** The digest of the bundle's signed index. */
  readonly set: Digest;
  /** Of the bundle, in bytes. */
  readonly size: number;
  /** Of every part but the last, which may be smaller; in bytes. */
  readonly partSize: number;
  /** In the order of the bundle. */
  readonly parts: readonly VolumePart[];
}

const hexSchema = z.string().regex(/^[0-9a-f]{64}$/, { error: "expected a SHA-256 in 64 hexadecimal digits" });

const partSchema = z.strictObject({
  name: z.string().max(255),
  size: sizeSchema,
  sha256: hexSchema,
  edges: hexSchema,
});

const volumesSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  set: digestSchema,
  size: sizeSchema,
  partSize: sizeSchema,
  parts: listOf(partSchema),
});

/** The name of a part of the bundle `name`; numbers begin at 1. */
export function partName(name: string, number: number): string {
  return `${name}.${String(number).padStart(3, "0")}`;
}

/** The bundle's name and the number in a part's name; undefined if it is not one. */
export function parsePartName(text: string): { readonly name: string; readonly number: number } | undefined {
  const [, name, digits] = /^(.+)\.(\d{3,9})$/s.exec(text) ?? [];
  const number = Number(digits);
  // .0001 is none: it would be a second name of part 1.
  return name === undefined || number === 0 || partName(name, number) !== text ? undefined : { name, number };
}

/** The name of the volumes file of the bundle `name`. */
export function volumesFileName(name: string): string {
  return `${name}.volumes.json`;
}

/** The name of the file for sha256sum beside the parts of the bundle `name`. */
export function sumsFileName(name: string): string {
  return `${name}.SHA256SUMS`;
}

export function encodeVolumesFile(volumes: Omit<VolumesFile, "formatVersion">): Uint8Array {
  const { set, size, partSize, parts } = volumes;
  return Buffer.from(
    `${JSON.stringify({ formatVersion: FORMAT_VERSION, set, size, partSize, parts }, undefined, 1)}\n`,
  );
}

/**
 * Reads a volumes file, of at most {@link MAX_VOLUMES_FILE_SIZE} bytes.
 *
 * @param what - Names it in errors.
 * @throws SealiftError `BUNDLE_INVALID` if it is none, or describes what no export makes.
 */
export function parseVolumesFile(bytes: Uint8Array, what: string): VolumesFile {
  const volumes = parseJson<VolumesFile>(bytes, volumesSchema, what, "BUNDLE_INVALID");
  const { parts, size, partSize } = volumes;
  if (parts.length === 0 || parts.length > MAX_PARTS) {
    throw volumesError(`expected ${what} to list 1 to ${MAX_PARTS} parts, got ${parts.length}`);
  }
  const base = parsePartName(parts[0]?.name ?? "")?.name ?? "";
  for (const [at, part] of parts.entries()) {
    const parsed = parsePartName(part.name);
    if (parsed?.name !== base || parsed.number !== at + 1 || /[/\0]/.test(base)) {
      throw volumesError(`expected part ${at + 1} in ${what} to have that number in its name, got ${quote(part.name)}`);
    }
    const expected = Math.min(partSize, size - at * partSize);
    if (part.size !== expected || part.size <= 0) {
      throw volumesError(`expected ${quote(part.name)} in ${what} to have ${expected} bytes, got ${part.size}`);
    }
  }
  const listed = parts.reduce((sum, part) => sum + part.size, 0);
  if (listed !== size) throw volumesError(`expected the parts in ${what} to have ${size} bytes, got ${listed}`);
  return volumes;
}

/**
 * What `sha256sum -c` reads: the parts and the volumes file.
 *
 * @param name - The bundle's.
 * @param volumesBytes - What {@link encodeVolumesFile} gave.
 */
export function encodeSums(name: string, volumes: Pick<VolumesFile, "parts">, volumesBytes: Uint8Array): Uint8Array {
  const own = { name: volumesFileName(name), sha256: createHash("sha256").update(volumesBytes).digest("hex") };
  return Buffer.from([...volumes.parts, own].map((file) => sumLine(file.name, file.sha256)).join(""));
}

// As sha256sum writes it: a name that would break the line is escaped, and a
// backslash before the sum says so (coreutils, src/cksum.c).
function sumLine(name: string, sha256: string): string {
  const escaped = name.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return `${escaped === name ? "" : "\\"}${sha256}  ${escaped}\n`;
}

/**
 * The SHA-256, in hexadecimal, of the first and the last {@link EDGE_SIZE} bytes
 * of a part, one after the other; a smaller part is both. It costs two reads to
 * see that a part is another one: no two blobs begin alike for long.
 *
 * @param read - Gives exactly `length` bytes of the part from `position`.
 */
export async function edgesOf(
  size: number,
  read: (position: number, length: number) => Promise<Uint8Array>,
): Promise<string> {
  const length = Math.min(EDGE_SIZE, size);
  const hash = createHash("sha256").update(await read(0, length));
  return hash.update(await read(size - length, length)).digest("hex");
}

function volumesError(message: string): SealiftError {
  return new SealiftError("BUNDLE_INVALID", message, {
    hint: "remove that file: the parts are read without it, too",
  });
}
